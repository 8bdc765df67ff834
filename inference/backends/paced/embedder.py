"""Vectors that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.backends.base import DecodeError, Pooling, Row

PACED_DIMENSIONS = 8


class PacedEmbedder:
    """A token's vector depends on the token and its position alone. `held` is what each stream contains."""

    pooling: Pooling = "mean"
    splits = True
    streams = 4

    def __init__(self, n_ctx: int, n_batch: int) -> None:
        self.n_ctx = n_ctx
        self.n_batch = n_batch
        self.held = [0] * self.streams

    def compute(self, rows: Sequence[Row]) -> np.ndarray:
        """Vectors of noise. Positions are checked as a real runtime would."""
        for row in rows:
            if row.position != self.held[row.stream]:
                raise DecodeError(f"position {row.position} of stream {row.stream}")
            self.held[row.stream] += 1
        if len(rows) > self.n_batch or sum(self.held) > self.n_ctx:
            raise DecodeError(f"{len(rows)} rows on top of {sum(self.held) - len(rows)}")
        return np.stack([paced_vector(row.token_id, row.position) for row in rows])

    def clear(self) -> None:
        """Forget all positions."""
        self.held = [0] * self.streams

    def close(self) -> None:
        """Nothing to free."""


def paced_vector(token_id: int, position: int) -> np.ndarray:
    """What the oracle says of a token at a position."""
    noise = np.random.default_rng([token_id, position])
    return noise.normal(size=PACED_DIMENSIONS).astype(np.float32)

"""Mirostat 2: keep the surprise of a reply's tokens near a target (https://arxiv.org/abs/2007.14966)."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt


class Mirostat:
    """Draws one token at a time. llama.cpp's own cannot be given a seed per token without forgetting `mu`.

    `draw` may be repeated for one token; `note` then moves `mu` by what the latest draw was surprised by.
    """

    def __init__(self, tau: float, eta: float) -> None:
        self.mu = 2 * tau
        self._tau = tau
        self._eta = eta
        self._surprise = tau

    def draw(self, logits: npt.NDArray[np.float32], seed: int) -> int:
        """The index of the choice. Candidates more surprising than `mu` are out, but for the best."""
        order = np.argsort(-logits, kind="stable")
        weights = np.exp(logits[order].astype(np.float64) - float(logits[order[0]]))
        surprises = np.log2(weights.sum()) - np.log2(np.maximum(weights, np.finfo(np.float64).tiny))
        kept = weights[: max(1, int((surprises <= self.mu).sum()))]
        sums = np.cumsum(kept)
        choice = int(np.searchsorted(sums, random.Random(seed).random() * sums[-1], side="right"))  # noqa: S311
        choice = min(choice, len(kept) - 1)
        self._surprise = float(np.log2(sums[-1] / kept[choice]))
        return int(order[choice])

    def note(self) -> None:
        """The latest draw became part of the reply."""
        self.mu -= self._eta * (self._surprise - self._tau)

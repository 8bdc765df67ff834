"""How much of a prompt to compute in one step."""

from __future__ import annotations

FIRST_CHUNK = 64
SMALLEST_CHUNK = 16
LEAST_FACTOR, MOST_FACTOR = 0.75, 2.0
"""A hiccup shall not cost what was learned."""


class Chunk:
    """So many `rows` take about `target_ms`, to the best of what was measured."""

    def __init__(self, target_ms: float, *, most: int, tile: int) -> None:
        self.rows = min(FIRST_CHUNK, most)
        self._target_ms = target_ms
        self._most = most
        self._tile = tile

    def observe(self, rows: int, elapsed_ms: float) -> None:
        """Learn from a step that used the chunk up, or was too slow all the same."""
        if rows > self.rows - self._tile or (rows and elapsed_ms > self._target_ms):
            factor = rows * self._target_ms / max(elapsed_ms, 0.001) / self.rows
            chunk = int(self.rows * min(MOST_FACTOR, max(LEAST_FACTOR, factor)))
            self.rows = max(SMALLEST_CHUNK, min(self._most, chunk))


def whole_tiles(rows: int, tile: int, *, beside: bool) -> int:
    """Rows in whole tiles: half of one costs more than half of its time. `beside` other sequences llama.cpp
    computes the first row apart from the others.
    """
    if rows < tile + beside:
        return tile + beside if 2 * rows >= tile else rows
    return (rows - beside) // tile * tile + beside

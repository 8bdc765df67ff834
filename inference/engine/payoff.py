"""What a step with guesses costs on this machine just now: rows may cost as much as steps do."""

from __future__ import annotations

import math
from collections import defaultdict, deque

BASELINE = 4
"""Plain steps before the first ones with guesses, and from time to time again."""
TRIAL = 3
LASTING = 256
SHORTEST_PAUSE, LONGEST_PAUSE = 256, 8192
NEEDED_GAIN = 1.05


class Payoff:
    """Compares steps of one number of sequences with and without guesses, by their number of rows. How many
    of these are right is another matter, and the text's.

    Where not even right guesses pay they are tried again later and later, so that all trials together cost
    little.
    """

    def __init__(self, sequences: int) -> None:
        self._sequences = sequences
        self._plain: deque[float] = deque(maxlen=2 * BASELINE)
        self._plain_left = BASELINE
        self._guessed_left = LASTING
        self._steps = 0
        self._costs: defaultdict[int, _Cost] = defaultdict(_Cost)

    def gain(self, rows: int, right: float) -> float:
        """How many times as fast a step of so many rows makes replies, if so many of its guesses are right.
        More than anything where that has to be measured, 0 where it cannot be more than 1.
        """
        cost = self._costs[rows]
        if self._plain_left > 0 or self._steps < cost.rest_until:
            return 0.0
        if len(cost.times) < TRIAL:
            return math.inf
        return self._speed(cost, right)

    def saw(self, rows: int, elapsed_ms: float) -> None:
        """Learn from a step that decoded, and prefilled nothing."""
        self._steps += 1
        if rows == self._sequences:
            self._plain.append(elapsed_ms)
            self._plain_left -= 1
            return
        self._costs[rows].times.append(elapsed_ms)
        self._guessed_left -= 1
        if self._guessed_left <= 0:
            self._plain_left, self._guessed_left = BASELINE, LASTING
        self._judge(rows)

    def _judge(self, rows: int) -> None:
        cost = self._costs[rows]
        if len(cost.times) < TRIAL:
            return
        if self._speed(cost, rows - self._sequences) > NEEDED_GAIN:
            cost.pause = SHORTEST_PAUSE
        else:
            cost.times.clear()
            cost.rest_until = self._steps + cost.pause
            cost.pause = min(LONGEST_PAUSE, 2 * cost.pause)

    def _speed(self, cost: _Cost, right: float) -> float:
        """By the fastest ones: what else the machine does makes steps slower, and never faster."""
        return (1 + right / self._sequences) * min(self._plain) / max(min(cost.times), 0.001)


class _Cost:
    """The latest milliseconds of steps of one size."""

    def __init__(self) -> None:
        self.times: deque[float] = deque(maxlen=2 * TRIAL)
        self.rest_until = 0
        self.pause = SHORTEST_PAUSE

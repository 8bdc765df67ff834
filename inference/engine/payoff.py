"""Whether guessing pays on this machine just now: measured, because rows may cost as much as steps do."""

from __future__ import annotations

from collections import deque
from statistics import median

BASELINE = 4
"""Steps without guesses before the first ones with them, and from time to time again."""
TRIAL = 4
LASTING = 256
SHORTEST_PAUSE, LONGEST_PAUSE = 512, 8192
NEEDED_GAIN = 1.05


class Payoff:
    """Compares steps with and without guesses by their milliseconds a token, for one number of sequences.

    After a trial that did not pay there is another, later and later, so that all trials together cost little.
    """

    def __init__(self) -> None:
        self._plain: deque[float] = deque(maxlen=2 * BASELINE)
        self._plain_left = BASELINE
        self._guessed_left = TRIAL
        self._pause = SHORTEST_PAUSE
        self._ms = 0.0
        self._tokens = 0

    @property
    def may_guess(self) -> bool:
        """Whether the next step may carry guesses."""
        return self._plain_left <= 0

    def saw(self, *, guessed: bool, tokens: int, elapsed_ms: float) -> None:
        """Learn from a step that decoded, and prefilled nothing."""
        if not guessed:
            self._plain.append(elapsed_ms / max(1, tokens))
            self._plain_left -= 1
            return
        self._ms += elapsed_ms
        self._tokens += tokens
        self._guessed_left -= 1
        if self._guessed_left <= 0:
            self._judge()

    def _judge(self) -> None:
        pays = NEEDED_GAIN * self._ms / max(1, self._tokens) < median(self._plain)
        self._plain_left = BASELINE if pays else self._pause
        self._guessed_left = LASTING if pays else TRIAL
        self._pause = SHORTEST_PAUSE if pays else min(LONGEST_PAUSE, 2 * self._pause)
        self._ms, self._tokens = 0.0, 0

"""How often a reply's guesses are right: the more ids were the same before them, the likelier."""

from __future__ import annotations

from inference.engine.ngrams import Guess

MEMORY = 0.7
SHORTEST_PATIENCE, LONGEST_PATIENCE = 32, 1024
"""Guesses let pass before one is tried in spite of what became of the others."""


class Trust:
    """What became of a reply's guesses, apart for each length of match (3, 4 to 7, 8 to 15, more). A reply
    that begins to copy has long matches soon, of which short ones that were chance say nothing.
    """

    def __init__(self) -> None:
        self._records: dict[int, _Record] = {}

    def expected(self, guess: Guess) -> float:
        """How many of the guessed ids will be right."""
        return self._record(guess).rate * len(guess.ids)

    def learn(self, guess: Guess, right: int) -> None:
        """So many of the guessed ids were right."""
        self._record(guess).learn(right / len(guess.ids))

    def let_pass(self, guess: Guess) -> None:
        """The guess was not tried."""
        self._record(guess).let_pass()

    def _record(self, guess: Guess) -> _Record:
        kind = guess.match.bit_length()
        return self._records.setdefault(kind, _Record(1 - 2.0 ** (1 - kind)))


class _Record:
    """The share of guesses that were right lately, at first `prior`."""

    def __init__(self, prior: float) -> None:
        self._prior = self._rate = prior
        self._passed = 0
        self._patience = SHORTEST_PATIENCE

    @property
    def rate(self) -> float:
        """What to count on; whoever was passed over for long gets another chance."""
        return 1.0 if self._passed >= self._patience else self._rate

    def learn(self, share: float) -> None:
        if self._passed >= self._patience:  # what was long ago tells little
            self._rate = (self._prior + share) / 2
            self._patience = SHORTEST_PATIENCE if share == 1 else min(LONGEST_PATIENCE, 2 * self._patience)
        else:
            self._rate = MEMORY * self._rate + (1 - MEMORY) * share
        self._passed = 0

    def let_pass(self) -> None:
        self._passed += 1

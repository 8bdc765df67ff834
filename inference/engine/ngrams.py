"""What followed the same few ids before."""

from __future__ import annotations

NGRAM = 3


class Ngrams:
    """Where each run of `NGRAM` ids went on, the latest of several.

    `rate` is how many guesses were right lately; there are none before `rest_until` ids.
    """

    def __init__(self) -> None:
        self.rate = 0.5
        self.rest_until = 0
        self._next: dict[tuple[int, ...], int] = {}
        self._read = NGRAM

    def guess(self, ids: list[int], length: int) -> tuple[int, ...]:
        """What followed the last ids the last time; a repetition is continued around its own end."""
        if len(ids) < self._read:  # the reply was begun anew
            self._next.clear()
            self._read = NGRAM
        for at in range(self._read, len(ids)):
            self._next[tuple(ids[at - NGRAM : at])] = at
        self._read = max(NGRAM, len(ids))
        start = self._next.get(tuple(ids[-NGRAM:]))
        if start is None:
            return ()
        period = len(ids) - start
        return tuple(ids[start + offset % period] for offset in range(length))

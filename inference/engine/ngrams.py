"""What followed the same few ids before."""

from __future__ import annotations

from typing import NamedTuple

NGRAM = 3
LONGEST_MATCH = 16


class Guess(NamedTuple):
    """What may come next, since it followed as many ids as `match` that were the same, or more."""

    ids: tuple[int, ...]
    match: int


NO_GUESS = Guess((), 0)


class Ngrams:
    """Where each run of `NGRAM` ids went on, the latest of several."""

    def __init__(self) -> None:
        self._next: dict[tuple[int, ...], int] = {}
        self._read = NGRAM

    def guess(self, ids: list[int], length: int) -> Guess:
        """What followed the last ids the last time; a repetition is continued around its own end."""
        if len(ids) < self._read:  # the reply was begun anew
            self._next.clear()
            self._read = NGRAM
        for at in range(self._read, len(ids)):
            self._next[tuple(ids[at - NGRAM : at])] = at
        self._read = max(NGRAM, len(ids))
        start = self._next.get(tuple(ids[-NGRAM:]))
        if start is None or length <= 0:
            return NO_GUESS
        period = len(ids) - start
        followed = tuple(ids[start + offset % period] for offset in range(length))
        return Guess(followed, _match(ids, start))


def _match(ids: list[int], start: int) -> int:
    """How many ids before `start` are those at the end."""
    size = NGRAM
    while size < min(start, LONGEST_MATCH) and ids[start - size - 1] == ids[-size - 1]:
        size += 1
    return size

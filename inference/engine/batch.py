"""A step's work, and the rows it becomes."""

from __future__ import annotations

from dataclasses import dataclass

from inference.backends.base import Row
from inference.engine.ngrams import NO_GUESS, Guess
from inference.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Work:
    """The next `size` pending ids of a seated sequence, and guesses at what follows the last of them."""

    sequence: Sequence
    size: int
    draft: Guess = NO_GUESS


@dataclass(frozen=True, slots=True)
class Plan:
    """What one step computes. One that `yields` may be interrupted: nobody who chats waits for a token of it.
    A patient one, in which nobody decodes at all, may take longer as well.
    """

    works: list[Work]
    is_patient: bool = False
    yields: bool = False


def build_rows(plan: list[Work]) -> tuple[list[Row], list[int]]:
    """The rows of a plan, in its order, and for each work the number of the row of its last pending id.

    Logits are wanted where a work completes what its sequence has to compute, and for every guess.
    """
    rows: list[Row] = []
    last_rows: list[int] = []
    for work in plan:
        stream, ids = work.sequence.stream, work.sequence.ids
        start = len(stream.tokens)
        end = start + work.size
        rows += [Row(stream.index, ids[at], at, at == len(ids) - 1) for at in range(start, end)]
        last_rows.append(len(rows) - 1)
        rows += [Row(stream.index, id_, end + ahead, True) for ahead, id_ in enumerate(work.draft.ids)]
    return rows, last_rows

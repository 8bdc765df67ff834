"""A step's work, and the rows it becomes."""

from __future__ import annotations

from dataclasses import dataclass

from inference.backends.base import Row
from inference.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Work:
    """The next `size` pending ids of a seated sequence."""

    sequence: Sequence
    size: int


def build_rows(plan: list[Work]) -> tuple[list[Row], list[int]]:
    """The rows of a plan, in its order, and the number of each work's last row.

    Logits are wanted where a work completes what its sequence has to compute.
    """
    rows: list[Row] = []
    last_rows: list[int] = []
    for work in plan:
        stream, ids = work.sequence.stream, work.sequence.ids
        start = len(stream.tokens)
        end = start + work.size
        rows += [Row(stream.index, ids[at], at, at == len(ids) - 1) for at in range(start, end)]
        last_rows.append(len(rows) - 1)
    return rows, last_rows

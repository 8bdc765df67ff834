"""Runs a step's plan on the backend, and keeps the books of the KV cache in step with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from inference.backends.base import Backend, DecodeError, Interrupted
from inference.engine.batch import Plan, Work, build_rows
from inference.engine.kv_cache import KVCache
from inference.engine.lookup import PromptLookup
from inference.engine.sequence import Sequence
from inference.types.requests import Adapter

GAP_PATIENCE = 4
"""Steps that a gap between running streams is left alone: a new sequence may fill it for nothing."""


class Executor:
    """Decodes plans. The runtime computes only neighbouring streams together, so lasting gaps are closed."""

    def __init__(self, backend: Backend, kv: KVCache, lookup: PromptLookup) -> None:
        self._backend = backend
        self._kv = kv
        self._lookup = lookup
        self._steps_with_gap: Counter[int] = Counter()
        """By number of streams: those of chat, and now and then batch work with them."""

    def run(self, plan: Plan) -> Iterator[tuple[Sequence, int | None]]:
        """Compute a plan; yields each sequence that may go on, with the row to sample its next token from.

        The token must have been sampled and appended before the next one is asked for: a sequence comes
        again while guesses turn out right. The row is None where nothing could be computed. When the runtime
        refuses the plan it is run piece by piece, so that only the offender fails. Raises `Interrupted`.
        """
        self._backend.interruption.welcome = plan.yields
        self._close_gap(plan.works)
        yield from self._run(self._lookup.extend(plan.works))

    def _run(self, plan: list[Work]) -> Iterator[tuple[Sequence, int | None]]:
        """One batch for each adapter: the runtime computes a whole batch with the same."""
        parts: dict[Adapter | None, list[Work]] = {}
        for work in plan:
            parts.setdefault(work.sequence.request.adapter, []).append(work)
        for adapter, part in parts.items():
            self._backend.use_adapter(adapter)
            yield from self._run_batch(part)

    def _run_batch(self, plan: list[Work]) -> Iterator[tuple[Sequence, int | None]]:
        plan = sorted(plan, key=lambda work: work.sequence.stream.index)
        rows, last_rows = build_rows(plan)
        try:
            self._backend.decode(rows)
        except Interrupted:
            for work in plan:
                self._kv.take_over(work.sequence.stream, work.sequence.ids)
            raise
        except DecodeError:
            yield from self._recover(plan)
            return
        for row in rows:
            self._kv.streams[row.stream].tokens.append(row.token_id)
        for work, last in zip(plan, last_rows, strict=True):
            if rows[last].wants_logits:
                yield from self._continue(work, last)

    def _continue(self, work: Work, row: int) -> Iterator[tuple[Sequence, int]]:
        """The row of the last pending id, then those of the guesses as long as they are what was drawn."""
        sequence, stream, size = work.sequence, work.sequence.stream, len(work.sequence.ids)
        right = 0
        yield sequence, row
        for guess in work.draft.ids:
            if sequence.stream is not stream or sequence.ids[size + right :] != [guess]:
                break
            right += 1
            yield sequence, row + right
        if work.draft.ids:
            self._lookup.observe(work, right)
            computed = len(sequence.ids) - 1
            if self._kv.truncate(stream, computed) < computed:
                self._lookup.stop()

    def _recover(self, plan: list[Work]) -> Iterator[tuple[Sequence, int | None]]:
        self._backend.interruption.welcome = False  # the others' streams hold what the refused batch left
        for work in plan:
            stream = work.sequence.stream
            computed = len(stream.tokens)
            if self._kv.truncate(stream, computed) == computed and len(plan) > 1:
                yield from self._run_batch([work])
            else:
                self._kv.truncate(stream, 0)
                yield work.sequence, None

    def _close_gap(self, plan: list[Work]) -> None:
        streams = sorted((work.sequence.stream for work in plan), key=lambda stream: stream.index)
        size = len(streams)
        has_gap = streams[-1].index - streams[0].index >= size
        self._steps_with_gap[size] = self._steps_with_gap[size] + 1 if has_gap else 0
        if self._steps_with_gap[size] > GAP_PATIENCE:
            # While prompts take turns, who is not in the plan will be in the next one.
            self._kv.close_gap(streams, displaces=all(work.size == 1 for work in plan))

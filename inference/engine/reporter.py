"""Turns what the engine does into telemetry, if anybody listens."""

from __future__ import annotations

from inference.engine.host_store import HostStore
from inference.engine.kv_cache import Seating
from inference.engine.sequence import Sequence
from inference.telemetry import (
    ContextShifted,
    FirstToken,
    KVAccessed,
    Listener,
    Outcome,
    RequestCompleted,
    RequestStarted,
    SequenceEvicted,
)
from inference.types.events import Timings


class Reporter:
    """One method for each event; without a listener they do nothing."""

    def __init__(self, listener: Listener | None, store: HostStore) -> None:
        self._listener = listener
        self._store = store

    def seated(self, sequence: Sequence, seating: Seating) -> None:
        """A sequence has got a stream, for the first time or again."""
        if self._listener:
            self._listener(
                KVAccessed(
                    request_id=sequence.request_id,
                    origin=seating.origin,
                    tokens_saved=len(seating.stream.tokens),
                    tokens_missing=sequence.pending,
                    retained_bytes=self._store.used,
                    budget_bytes=self._store.budget,
                    evictions=self._store.evictions,
                )
            )

    def started(self, sequence: Sequence, wait_ms: float) -> None:
        """A request has a slot."""
        if self._listener:
            prompt_tokens = len(sequence.request.prompt_ids)
            self._listener(
                RequestStarted(sequence.request_id, sequence.request.priority, prompt_tokens, wait_ms)
            )

    def evicted(self, victim: Sequence, newcomer: Sequence) -> None:
        """A sequence has given its slot away."""
        if self._listener:
            self._listener(SequenceEvicted(victim.request_id, newcomer.request_id))

    def shifted(self, sequence: Sequence, discarded: int) -> None:
        """A sequence has forgotten so many tokens."""
        if self._listener:
            self._listener(ContextShifted(sequence.request_id, discarded))

    def first_token(self, sequence: Sequence, ttft_ms: float) -> None:
        """A request has its first token of this attempt."""
        if self._listener:
            self._listener(FirstToken(sequence.request_id, ttft_ms))

    def completed(self, sequence: Sequence, outcome: Outcome, timings: Timings) -> None:
        """A request has ended."""
        if self._listener:
            self._listener(RequestCompleted(sequence.request_id, outcome, sequence.usage(), timings))

"""What an engine has done since it was loaded, counted from its telemetry."""

from __future__ import annotations

import threading
from collections import Counter

from inference.telemetry import (
    ContextApplied,
    ContextShifted,
    FirstToken,
    KVAccessed,
    RequestCompleted,
    RequestStarted,
    SequenceEvicted,
    TelemetryEvent,
)
from inference.types.engines import Totals


class Tally:
    """A listener. Safe from any thread; a few events a request, none a token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()

    def __call__(self, event: TelemetryEvent) -> None:
        """Count an event."""
        with self._lock:
            self._counts.update(_amounts(event))
            if isinstance(event, RequestCompleted):
                self._outcomes[event.outcome] += 1

    def totals(self) -> Totals:
        """What has been counted so far."""
        with self._lock:
            return Totals(**self._counts, outcomes=dict(self._outcomes))


def _amounts(event: TelemetryEvent) -> dict[str, float]:
    match event:
        case RequestStarted():
            return {"started": 1, "wait_ms": event.wait_ms}
        case KVAccessed():
            found = "cache_hits" if event.is_hit else "cache_misses"
            return {found: 1, "tokens_saved": event.tokens_saved, "tokens_missing": event.tokens_missing}
        case SequenceEvicted():
            return {"evicted": 1}
        case FirstToken():
            return {"first_tokens": 1, "ttft_ms": event.ttft_ms}
        case ContextApplied():
            return {"contexts_cut": 1, "tokens_dropped": event.dropped.tokens}
        case ContextShifted():
            return {"contexts_shifted": 1}
        case RequestCompleted():
            return {"completion_tokens": event.usage.completion_tokens}

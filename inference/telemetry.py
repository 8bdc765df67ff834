"""What happens inside an engine, for whoever wants to count or trace it.

A listener is called on the engine's loop thread, but for `ContextApplied`: it must be quick and must not
raise. Without a listener no event is even made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.types.context import Dropped, PolicyKind
from inference.types.events import FinishReason, Timings, Usage
from inference.types.requests import Priority

Origin = Literal["none", "stream", "copy", "store"]
"""Where a prompt's prefix came from: nowhere, an idle stream, another stream, or host memory."""

Outcome = FinishReason | Literal["error"]


@dataclass(frozen=True, slots=True)
class ContextApplied:
    """A context policy left something out of a prompt. Told on the thread that prepared it."""

    kind: PolicyKind
    prompt_tokens: int
    dropped: Dropped


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """A request has a slot. `wait_ms` is what it waited for it."""

    request_id: str
    priority: Priority
    prompt_tokens: int
    wait_ms: float


@dataclass(frozen=True, slots=True)
class KVAccessed:
    """A sequence looked for its prefix, at its start or when it came back.

    `tokens_saved` need no computing; host memory holds `retained_bytes` of `budget_bytes` and has dropped
    `evictions` entries since the engine started.
    """

    request_id: str
    origin: Origin
    tokens_saved: int
    tokens_missing: int
    retained_bytes: int
    budget_bytes: int
    evictions: int

    @property
    def is_hit(self) -> bool:
        """Whether anything was found."""
        return self.tokens_saved > 0


@dataclass(frozen=True, slots=True)
class SequenceEvicted:
    """A running sequence gave its slot to another and waits to continue."""

    request_id: str
    in_favour_of: str


@dataclass(frozen=True, slots=True)
class ContextShifted:
    """A reply's window was full, and it goes on without so many of the oldest tokens."""

    request_id: str
    discarded: int


@dataclass(frozen=True, slots=True)
class FirstToken:
    """The first token of this attempt, `ttft_ms` after the request arrived."""

    request_id: str
    ttft_ms: float


@dataclass(frozen=True, slots=True)
class RequestCompleted:
    """The end of a request that was accepted: a finish reason, or `error` for one that failed."""

    request_id: str
    outcome: Outcome
    usage: Usage
    timings: Timings


TelemetryEvent = (
    ContextApplied
    | RequestStarted
    | KVAccessed
    | SequenceEvicted
    | ContextShifted
    | FirstToken
    | RequestCompleted
)
Listener = Callable[[TelemetryEvent], None]

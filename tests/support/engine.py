"""Drive an engine by hand and look at what it said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types.context import ContextShift
from inference.types.events import Delta, EngineEvent, Failed, Finished, Started
from inference.types.requests import Adapter, GenerationRequest, Priority, Resume
from inference.types.sampling import SamplingParams


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Recorder:
    """An `emit` that keeps every event by request."""

    def __init__(self) -> None:
        self.events: dict[str, list[EngineEvent]] = defaultdict(list)

    def __call__(self, event: EngineEvent) -> None:
        self.events[event.request_id].append(event)

    def deltas(self, request_id: str) -> list[Delta]:
        return [event for event in self.events[request_id] if isinstance(event, Delta) and event.token_ids]

    def token_ids(self, request_id: str) -> list[int]:
        return [token_id for delta in self.deltas(request_id) for token_id in delta.token_ids]

    def text(self, request_id: str) -> str:
        texts = (event.text for event in self.events[request_id] if isinstance(event, Delta | Finished))
        return "".join(texts)

    def started(self, request_id: str) -> Started:
        (event,) = (event for event in self.events[request_id] if isinstance(event, Started))
        return event

    def ends(self, request_id: str) -> list[Finished | Failed]:
        return [event for event in self.events[request_id] if isinstance(event, Finished | Failed)]

    def finished(self, request_id: str) -> Finished:
        (event,) = self.ends(request_id)
        assert isinstance(event, Finished), event
        return event

    def failed(self, request_id: str) -> Failed:
        (event,) = self.ends(request_id)
        assert isinstance(event, Failed), event
        return event


def paced_config(**changes: Any) -> EngineConfig:
    """A paced engine that does not wait."""
    settings: dict[str, Any] = {"model": "paced", "backend": "paced", "paced_rate": 1_000_000, "slots": 2}
    return EngineConfig(**settings | changes)


def make_request(
    request_id: str,
    prompt_ids: Sequence[int],
    *,
    priority: Priority = "interactive",
    time_limit_ms: int = 600_000,
    resume: Resume | None = None,
    cache_key: str = "",
    adapter: Adapter | None = None,
    doubted: bool = False,
    shift: ContextShift | None = None,
    gathers: bool = False,
    **sampling: Any,
) -> GenerationRequest:
    """A request; keyword arguments that are not its own are sampling parameters."""
    return GenerationRequest(
        request_id=request_id,
        prompt_ids=list(prompt_ids),
        sampling=SamplingParams(**{"max_tokens": 8, "seed": 1} | sampling),
        priority=priority,
        time_limit_ms=time_limit_ms,
        resume=resume,
        cache_key=cache_key,
        adapter=adapter,
        doubted=doubted,
        shift=shift,
        gathers=gathers,
    )


def drain(engine: Engine, limit: int = 20_000) -> int:
    """Step until there is nothing to do; returns the number of steps."""
    for steps in range(limit):
        if not engine.step():
            return steps
    raise AssertionError("the engine does not come to rest")

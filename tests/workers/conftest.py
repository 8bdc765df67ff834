"""Claimed generations, and an engine that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest

from chat.models import Generation
from chat.realtime.protocol.doorbells import Doorbell
from chat.services.generations import claim_generation
from inference.process import EngineClient
from inference.types.context import ContextPolicy
from inference.types.engines import EngineInfo, Gauges, Totals
from inference.types.events import (
    Delta,
    Emit,
    EngineEvent,
    Failed,
    Finished,
    FinishReason,
    Started,
    Timings,
    Usage,
)
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.tools import ToolUse
from tests.support.engine import FakeClock, paced_config
from tests.support.factories import make_generation
from tests.support.workers import worker_config
from workers import loading
from workers.config import Offer
from workers.engines import EnginePool
from workers.flusher import Flusher
from workers.generation import GenerationRun

WORKER = "tester"
MakePool = Callable[..., EnginePool]


class FakeEngine:
    """Keeps requests; `say` lets the last one speak."""

    def __init__(self) -> None:
        self.is_overdue = False
        self.is_alive = True
        self.is_open = True
        self.is_movable = True
        self.has_crashed = False
        self.suspects: set[str] = set()
        self.prompt: PreparedPrompt | Exception = PreparedPrompt(token_ids=[1, 2, 3], stop=("<end>",))
        self.policy = ContextPolicy()
        self.gauges = Gauges()
        self.totals = Totals()
        self.written = ""
        self.requests: dict[str, GenerationRequest] = {}
        self.cancelled: list[str] = []
        self.acknowledged: list[tuple[str, int]] = []
        self.killed = 0
        self._emits: dict[str, Emit] = {}

    def prepare(
        self,
        messages: list[PromptMessage],
        template: str,
        tools: ToolUse | None,
        policy: ContextPolicy,
        *,
        written: str = "",
    ) -> PreparedPrompt:
        self.policy, self.written = policy, written
        if isinstance(self.prompt, Exception):
            raise self.prompt
        return self.prompt

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        self.requests[request.request_id] = request
        self._emits[request.request_id] = emit

    def submit_all(self, asked: Sequence[tuple[GenerationRequest, Emit]]) -> None:
        for request, emit in asked:
            self.submit(request, emit)

    def cancel(self, request_id: str) -> None:
        self.cancelled.append(request_id)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        self.acknowledged.append((request_id, tokens))

    def can_move(self, request_id: str) -> bool:
        return self.is_movable

    def is_parked(self, request_id: str) -> bool:
        return self.has_crashed and request_id not in self.suspects

    def kill(self) -> None:
        self.killed += 1

    def close(self) -> None:
        self.is_alive = False

    def emit(self, event: EngineEvent) -> None:
        self._emits[event.request_id](event)

    def start(self, run: GenerationRun, cached_tokens: int = 0) -> None:
        self.emit(Started(request_id=run.request_id, prompt_tokens=3, cached_tokens=cached_tokens))

    def say(self, run: GenerationRun, text: str, *token_ids: int) -> None:
        self.emit(Delta(request_id=run.request_id, token_ids=list(token_ids) or [7], text=text))

    def finish(
        self, run: GenerationRun, reason: FinishReason = "stop", text: str = "", tokens: int = 2
    ) -> None:
        self.emit(
            Finished(
                request_id=run.request_id,
                finish_reason=reason,
                usage=Usage(prompt_tokens=3, cached_tokens=1, completion_tokens=tokens),
                timings=Timings(wait_ms=0, prefill_ms=0, decode_ms=1000),
                text=text,
            )
        )

    def fail(self, run: GenerationRun, code: str) -> None:
        self.emit(Failed(request_id=run.request_id, code=code, message="No.", retryable=True))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    """Not started: tests call `tick`."""
    flusher = Flusher(WORKER)
    yield flusher
    flusher.close(5)


@pytest.fixture
def doorbells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Doorbell]]:
    """What the flusher publishes."""
    rung: list[tuple[str, Doorbell]] = []
    monkeypatch.setattr("workers.flusher.publish", lambda group, doorbell: rung.append((group, doorbell)))
    return rung


def as_client(engine: FakeEngine) -> EngineClient:
    return cast(EngineClient, engine)


@pytest.fixture
def claim_run(engine: FakeEngine, flusher: Flusher) -> Callable[..., GenerationRun]:
    """A generation that is claimed, submitted to the engine and under the flusher's care."""

    def claim(generation: Generation | None = None, **fields: Any) -> GenerationRun:
        generation = generation or make_generation(**fields)
        claimed = claim_generation(worker=WORKER, models=[generation.model])
        assert claimed is not None
        assert claimed.id == generation.id
        run = GenerationRun(claimed, flusher.hear)
        flusher.add(run)
        run.start(as_client(engine), "digest")
        return run

    return claim


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEngine]:
    """Engines by model, the latest of each."""
    started: dict[str, FakeEngine] = {}

    def start(offer: Offer, *_: object) -> tuple[FakeEngine, EngineInfo]:
        started[offer.slug] = FakeEngine()
        info = EngineInfo(
            model=offer.slug, digest="d", backend="paced", device="cpu", slots=2, n_ctx=64, n_vocab=9
        )
        return started[offer.slug], info

    monkeypatch.setattr(loading, "start_engine", start)
    return started


@pytest.fixture
def make_pool(clock: FakeClock, started: dict[str, FakeEngine]) -> MakePool:
    def make(*others: Offer, budget: int = 2, need: int = 1) -> EnginePool:
        config = worker_config("w", paced_config(model="a"), others=list(others), budget=budget, need=need)
        pool = EnginePool(config, clock=clock)
        pool.start()
        clock.sleep(1)
        pool.models_to_claim(lambda models: {})
        return pool

    return make

"""Stub providers, an engine that asks them, and a directory that remembers what it was told."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from inference.remote import RemoteEngine, Route, answering
from inference.types.events import Delta, EngineEvent, Failed, Finished
from inference.types.prompts import PromptMessage
from inference.types.requests import GenerationRequest, Resume
from inference.types.sampling import SamplingParams
from tests.support.provider import StubProvider, start_provider


class Directory:
    """Routes as a test sets them. `rests` are seconds by provider, those in `full` have no stream left."""

    def __init__(self) -> None:
        self.all: list[Route] = []
        self.rests: dict[str, float] = {}
        self.full: set[str] = set()
        self.notes: list[tuple[str, str]] = []
        self.failures: list[tuple[str, float | None]] = []

    def routes(self, model: str, provider: str) -> Sequence[Route]:
        return [route for route in self.all if provider in ("", route.provider)]

    def take_stream(self, route: Route, request_id: str) -> bool:
        return route.provider not in self.full

    def admit(self, route: Route) -> float:
        return self.rests.get(route.provider, 0.0)

    def note_first_token(self, route: Route, latency_ms: float) -> None:
        self.notes.append((route.provider, "first token"))

    def note_success(self, route: Route) -> None:
        self.notes.append((route.provider, "success"))

    def note_failure(self, route: Route, *, message: str, rest_s: float | None) -> None:
        self.notes.append((route.provider, "failure"))
        self.failures.append((message, rest_s))

    def note_refusal(self, route: Route) -> None:
        self.notes.append((route.provider, "refusal"))


class Client:
    """Asks the engine and collects what it says."""

    def __init__(self, engine: RemoteEngine) -> None:
        self.engine = engine
        self.heard: queue.SimpleQueue[EngineEvent] = queue.SimpleQueue()

    def submit(self, *, said: str = "", time_limit_ms: int = 30_000, **fields: Any) -> None:
        sampling = {name: fields.pop(name) for name in tuple(fields) if name in OPTIONS}
        self.engine.submit(
            GenerationRequest(
                request_id="r",
                prompt_ids=[],
                messages=[PromptMessage("user", "Tell me.")],
                model="big",
                sampling=SamplingParams(**{"max_tokens": 20, "seed": 1} | sampling),
                resume=Resume(token_ids=[], text=said) if said else None,
                time_limit_ms=time_limit_ms,
                **fields,
            ),
            self.heard.put,
        )

    def until_text(self, length: int = 1) -> str:
        text = ""
        while len(text) < length:
            event = self.heard.get(timeout=10)
            assert not isinstance(event, Finished | Failed), event
            text += event.text if isinstance(event, Delta) else ""
        return text

    def until_end(self) -> tuple[str, Finished | Failed]:
        text = ""
        while True:
            event = self.heard.get(timeout=10)
            if isinstance(event, Delta):
                text += event.text
            elif isinstance(event, Finished):
                return text + event.text, event
            elif isinstance(event, Failed):
                return text, event

    def ask(self, **fields: Any) -> tuple[str, Finished | Failed]:
        self.submit(**fields)
        return self.until_end()


OPTIONS = SamplingParams.__struct_fields__


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "BACK_OFF", lambda state: 0.0)


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def client(directory: Directory) -> Iterator[Client]:
    engine = RemoteEngine(directory)
    engine.start()
    yield Client(engine)
    engine.close()


@pytest.fixture
def start(directory: Directory) -> Iterator[Callable[..., StubProvider]]:
    """`start("name", **route)`: a provider, asked after those started before."""
    with ExitStack() as running:

        def start(name: str = "first", **route: Any) -> StubProvider:
            stub = running.enter_context(start_provider())
            fields = {"id": name, "provider": name, "model": "their/big", "base_url": stub.url} | route
            directory.all.append(Route(**fields))
            return stub

        yield start

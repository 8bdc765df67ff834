"""What a listener hears, and what the gauges count."""

from __future__ import annotations

from typing import Any

import pytest

from inference.backends.base import DecodeError
from inference.backends.paced.backend import PacedBackend
from inference.engine.engine import Engine
from inference.telemetry import (
    FirstToken,
    KVAccessed,
    RequestCompleted,
    RequestStarted,
    SequenceEvicted,
    TelemetryEvent,
)
from inference.types.engines import STEP_MS_BOUNDS
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config

PROMPT = list(b"hello " * 20)


def listen(**changes: Any) -> tuple[Engine, list[TelemetryEvent], FakeClock]:
    config = paced_config(**changes)
    clock = FakeClock()
    heard: list[TelemetryEvent] = []
    backend = PacedBackend(config, clock=clock, sleep=clock.sleep)
    return Engine(backend, config, clock=clock, listener=heard.append), heard, clock


def test_a_request_is_heard_from_start_to_end() -> None:
    engine, heard, clock = listen(paced_rate=10)
    engine.submit(make_request("a", PROMPT[:50], max_tokens=3), Recorder())
    clock.now += 0.5
    drain(engine)
    access, started, first, completed = heard
    assert started == RequestStarted("a", "interactive", 50, 500.0)
    assert isinstance(access, KVAccessed)
    assert (access.origin, access.is_hit, access.tokens_missing) == ("none", False, 50)
    assert isinstance(first, FirstToken)
    assert first.ttft_ms >= 500
    assert isinstance(completed, RequestCompleted)
    assert (completed.outcome, completed.usage.completion_tokens) == ("length", 3)
    assert completed.timings.wait_ms == 500.0


def test_where_prefixes_come_from_is_heard() -> None:
    engine, heard, _ = listen(slots=1, spare_streams=0, retained_bytes=1000)
    for name, prompt in (("a", PROMPT), ("b", PROMPT), ("c", [7] * 120), ("d", PROMPT)):
        engine.submit(make_request(name, prompt, max_tokens=1), Recorder())
        drain(engine)
    accesses = [event for event in heard if isinstance(event, KVAccessed)]
    assert [access.origin for access in accesses] == ["none", "stream", "none", "store"]
    assert [access.tokens_saved for access in accesses] == [0, 119, 0, 119]
    assert accesses[2].retained_bytes == 480
    assert accesses[0].budget_bytes == 1000
    assert engine.gauges().retained_bytes == accesses[3].retained_bytes


def test_evictions_and_returns_are_heard() -> None:
    engine, heard, _ = listen(slots=1)
    engine.submit(make_request("batch", PROMPT, priority="batch"), Recorder())
    for _ in range(4):
        engine.step()
    engine.submit(make_request("chat", [7] * 40), Recorder())
    drain(engine)
    assert SequenceEvicted("batch", "chat") in heard
    back = [event for event in heard if isinstance(event, KVAccessed) and event.request_id == "batch"][1]
    assert (back.is_hit, back.tokens_missing) == (True, 1)
    assert sum(isinstance(event, RequestStarted) for event in heard) == 2


def test_failures_and_cancellations_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, heard, _ = listen()
    engine.submit(make_request("gone", PROMPT), Recorder())
    engine.cancel("gone")
    engine.step()

    def refuse(rows: object) -> None:
        raise DecodeError("refused")

    monkeypatch.setattr(engine._backend, "decode", refuse)
    engine.submit(make_request("broken", PROMPT), Recorder())
    drain(engine)
    engine.submit(make_request("left", PROMPT), Recorder())
    engine.close()
    ends = {event.request_id: event.outcome for event in heard if isinstance(event, RequestCompleted)}
    assert ends == {"gone": "cancelled", "broken": "error", "left": "error"}


def test_steps_are_counted_by_duration() -> None:
    engine, _, _ = listen(paced_rate=10)
    engine.submit(make_request("a", PROMPT[:20], max_tokens=5), Recorder())
    drain(engine)
    counts = engine.gauges().step_counts
    assert len(counts) == len(STEP_MS_BOUNDS) + 1
    assert sum(counts) == engine.gauges().steps == 5
    assert counts[0] == 1  # the first beat does not wait
    assert sum(counts[4:6]) == 4

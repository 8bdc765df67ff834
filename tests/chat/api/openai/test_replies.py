"""Chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chat.api.openai import replies
from chat.api.openai.replies import CHAT, TEXT, finish_reason, reply_chunks, timings_of
from chat.models import Generation
from chat.realtime.protocol import (
    DeltaEvent,
    GenerationError,
    GenerationFailed,
    GenerationFinished,
    GenerationMetrics,
    UsageView,
)

ROW = Generation(id=uuid4(), model="m", created_at=timezone.now())
IDS = {"generation_id": str(ROW.id), "message_id": ""}
USAGE = UsageView(prompt_tokens=9, cached_tokens=4, completion_tokens=2, total_tokens=11)
METRICS = GenerationMetrics(queue_ms=100, ttft_ms=150, response_time_ms=250, tokens_per_second=20.0)
END = GenerationFinished(**IDS, finish_reason="timeout", last_seq=1, usage=USAGE, metrics=METRICS)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the generation's stream tells."""
    told: list[Any] = []

    async def follow(generation_id: object) -> AsyncIterator[Any]:
        for event in told:
            yield event

    monkeypatch.setattr(replies, "follow_generation", follow)
    return told


async def frames(**kwargs: Any) -> list[tuple[str, Any]]:
    """(event, data) of every frame."""
    found = []
    async for frame in reply_chunks(ROW, kwargs.pop("shape", CHAT), include_usage=kwargs.pop("usage", False)):
        lines = frame.decode().strip().split("\n")
        data = lines[-1].removeprefix("data: ")
        event = lines[0].removeprefix("event: ") if len(lines) > 1 else ""
        found.append((event, data if data == "[DONE]" else json.loads(data)))
    return found


async def test_a_reply(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), DeltaEvent(**IDS, seq=1, text=""), END]
    first, text, last, usage, done = [data for _, data in await frames(usage=True)]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text["choices"] == [
        {"index": 0, "logprobs": None, "finish_reason": None, "delta": {"content": "Hi"}}
    ]
    assert (last["choices"][0]["finish_reason"], last["choices"][0]["delta"]) == ("length", {})
    assert last["timings"]["prompt_n"] == 5
    assert (usage["choices"], usage["usage"]["prompt_tokens_details"]) == ([], {"cached_tokens": 4})
    assert done == "[DONE]"
    assert {chunk["usage"] for chunk in (first, text, last)} == {None}


async def test_without_usage_there_is_none(events: list[Any]) -> None:
    events += [END]
    assert all("usage" not in data for _, data in await frames())


async def test_a_failure_is_an_event_and_no_end(events: list[Any]) -> None:
    error = GenerationError(code="engine_crashed", message="It broke.", retryable=True)
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), GenerationFailed(**IDS, error=error)]
    told = await frames()
    assert told[-1] == (
        "error",
        {
            "error": {
                "message": "It broke.",
                "type": "server_error",
                "param": None,
                "code": "engine_crashed",
            }
        },
    )
    assert "[DONE]" not in [data for _, data in told]


async def test_plain_completions(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), END]
    told = [data for _, data in await frames(shape=TEXT)]
    assert [data["choices"][0]["text"] for data in told[:-1]] == ["Hi", ""]
    assert {data["object"] for data in told[:-1]} == {"text_completion"}


@pytest.mark.parametrize(
    ("ours", "theirs"), [("stop", "stop"), ("cancelled", "stop"), ("timeout", "length"), ("length", "length")]
)
def test_reasons_that_clients_know(ours: str, theirs: str) -> None:
    assert finish_reason(ours) == theirs


def test_timings_leave_out_the_queue() -> None:
    timings = timings_of(USAGE, METRICS)
    assert (timings["prompt_ms"], timings["prompt_per_second"], timings["predicted_ms"]) == (50, 100.0, 100)

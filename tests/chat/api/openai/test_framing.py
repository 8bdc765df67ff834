"""Whatever is said, OpenAI's own decoder reads it from our frames, however the connection cuts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from chat.api.openai import choices
from chat.api.openai.replies import CHAT, reply_chunks
from chat.api.openai.response_events import response_frames
from chat.api.sse import HEARTBEAT
from chat.realtime.protocol.events import DeltaEvent
from tests.support.told import IDS, ended, make_row

TEXTS = st.lists(st.text(max_size=12) | st.sampled_from(["\n\n", "\r", "data: x\n", ": ", "\u2028", "\x85"]))
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=10)
ROW = make_row()
quick = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def collect(frames: AsyncIterator[bytes]) -> bytes:
    return HEARTBEAT.join([frame async for frame in frames])


def decode(stream: bytes, sizes: list[int]) -> Iterator[Any]:
    def pieces() -> Iterator[bytes]:
        at = number = 0
        while at < len(stream):
            size = sizes[number % len(sizes)]
            yield stream[at : at + size]
            at, number = at + size, number + 1

    return SSEDecoder().iter_bytes(pieces())


def tell(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    async def follow(generation_id: object, *, after_seq: int, told: object) -> AsyncIterator[Any]:
        for seq, text in enumerate(texts):
            yield DeltaEvent(**IDS, seq=seq, text=text)
        yield ended("stop", len(texts) - 1)

    monkeypatch.setattr(choices, "follow_generation", follow)


@quick
@given(TEXTS, CUTS)
def test_completions(monkeypatch: pytest.MonkeyPatch, texts: list[str], sizes: list[int]) -> None:
    tell(monkeypatch, texts)
    stream = asyncio.run(collect(reply_chunks([ROW], CHAT)))
    *events, done = decode(stream, sizes)
    assert done.data == "[DONE]"
    said = [choice["delta"].get("content", "") for event in events for choice in event.json()["choices"]]
    assert "".join(said) == "".join(texts)


@quick
@given(TEXTS, CUTS)
def test_responses(monkeypatch: pytest.MonkeyPatch, texts: list[str], sizes: list[int]) -> None:
    tell(monkeypatch, texts)
    events = list(decode(asyncio.run(collect(response_frames(ROW))), sizes))
    assert [event.event for event in events] == [event.json()["type"] for event in events]
    assert [int(event.id) for event in events] == list(range(len(events)))
    said = [event.json()["delta"] for event in events if event.event == "response.output_text.delta"]
    assert "".join(said) == "".join(texts)

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from chat.realtime import outbox as module
from chat.realtime.outbox import Outbox, Stalled
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed, Pong
from chat.realtime.protocol.views import GenerationError
from inference.types.errors import Reason


class Wire:
    """A socket that can be blocked."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.stalls = 0
        self.error: Exception | None = None
        self.outbox = Outbox(self.write, self.stall)

    async def write(self, text: str) -> None:
        await self.open.wait()
        if self.error:
            raise self.error
        self.frames.append(json.loads(text))

    @property
    def sent(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    def stall(self) -> None:
        self.stalls += 1

    async def settle(self) -> None:
        drainer = self.outbox._drainer
        assert drainer is not None
        await asyncio.wait([drainer])


def delta() -> DeltaEvent:
    return DeltaEvent(generation_id="g", message_id="m", seq=0, text="x")


async def test_what_is_posted_goes_before_what_is_delivered_later() -> None:
    wire = Wire()
    for _ in range(3):
        wire.outbox.post(Pong())
    await wire.outbox.deliver(delta())
    assert wire.sent == ["pong", "pong", "pong", "delta"]


async def test_each_reader_is_told_in_their_own_language_why_a_reply_failed() -> None:
    reason = Reason("A moderator stopped this reply: %(reason)s", {"reason": "Rude."})
    error = GenerationError(code="stopped_by_moderator", message=str(reason), reason=reason)
    failed = GenerationFailed(generation_id="g", message_id="m", error=error)
    ada, bert = Wire(), Wire()
    bert.outbox.language = "de"
    for wire in (ada, bert):
        await wire.outbox.deliver(failed)
    told = [wire.frames[0]["error"]["message"] for wire in (ada, bert)]
    assert told == [
        "A moderator stopped this reply: Rude.",
        "Ein Moderator hat diese Antwort angehalten: Rude.",
    ]


async def test_posting_again_after_a_pause_sends_again() -> None:
    wire = Wire()
    wire.outbox.post(Pong())
    await wire.settle()
    wire.outbox.post(Pong())
    await wire.settle()
    assert wire.sent == ["pong", "pong"]


async def test_a_blocked_socket_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.01)
    wire = Wire()
    wire.open.clear()
    wire.outbox.post(Pong())
    await wire.settle()
    assert wire.stalls == 1
    with pytest.raises(Stalled):
        await wire.outbox.deliver(delta())
    wire.outbox.post(Pong())
    assert (wire.sent, wire.stalls) == ([], 1)


async def test_too_much_posted_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_POSTED", 5)
    wire = Wire()
    wire.open.clear()
    for _ in range(7):
        wire.outbox.post(Pong())
    wire.open.set()
    await wire.settle()
    assert wire.stalls == 1


async def test_replies_wait_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLY_BACKLOG", 0)
    wire = Wire()
    wire.open.clear()
    wire.outbox.post(Pong())
    second = asyncio.create_task(wire.outbox.reply(Pong()))
    await asyncio.sleep(0)
    assert not second.done()
    wire.open.set()
    await asyncio.wait_for(second, 5)
    assert wire.sent == ["pong", "pong"]


async def test_a_client_that_is_gone_ends_it_quietly() -> None:
    wire = Wire()
    wire.error = OSError("gone")
    wire.outbox.post(Pong())
    await wire.settle()
    wire.error = None
    with pytest.raises(Stalled):
        await wire.outbox.deliver(delta())
    assert wire.stalls == 0


async def test_closed_it_sends_nothing() -> None:
    wire = Wire()
    wire.open.clear()
    wire.outbox.post(Pong())
    await asyncio.sleep(0)
    wire.outbox.close()
    wire.outbox.post(Pong())
    await wire.settle()
    assert wire.sent == []

"""Server-sent events."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

from chat.api import sse
from chat.api.sse import (
    HEARTBEAT,
    cancel_when_left,
    encode_frame,
    last_event_id,
    while_welcome,
    with_heartbeat,
)
from chat.realtime import stopping
from chat.realtime.database import in_database
from chat.realtime.logins import logins
from chat.services.accounts import suspend_user
from chat.services.errors import InvalidRequest
from tests.support.factories import make_user


@given(st.text(), st.none() | st.integers(0, 2**31))
def test_a_frame_is_one_event_whatever_its_text(text: str, seq: int | None) -> None:
    clean = text.encode("utf-8", "ignore").decode()
    lines = encode_frame({"content": clean}, seq=seq).decode().split("\n")
    assert lines[-2:] == ["", ""]
    data = [line for line in lines if line.startswith("data: ")]
    assert len(data) == 1
    assert json.loads(data[0][6:]) == {"content": clean}
    assert ([f"id: {seq}"] if seq is not None else []) == lines[:-3]


async def slow(release: asyncio.Event, closed: list[str]) -> AsyncGenerator[bytes, None]:
    try:
        yield b"one"
        await release.wait()
        yield b"two"
    finally:
        closed.append("closed")


async def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.01)
    release, closed = asyncio.Event(), list[str]()
    seen = []
    async for frame in with_heartbeat(slow(release, closed)):
        seen.append(frame)
        if seen.count(HEARTBEAT) == 2:
            release.set()
    assert seen[:3] == [b"one", HEARTBEAT, HEARTBEAT]
    assert seen[-1] == b"two"
    assert closed == ["closed"]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
async def test_a_stream_ends_when_its_reader_is_suspended() -> None:
    closed: list[str] = []
    user = await in_database(make_user)()
    async with aclosing(while_welcome(user.id, slow(asyncio.Event(), closed))) as frames:
        assert await anext(frames) == b"one"
        await logins()._users[user.id].subscription.wait_tried()
        await in_database(suspend_user)(user=user, reason="Spam")
        assert [frame async for frame in frames] == []
    assert closed == ["closed"]
    assert not logins()._users


async def test_leaving_early_closes_what_is_behind() -> None:
    closed: list[str] = []
    frames: Any = with_heartbeat(slow(asyncio.Event(), closed))
    async with aclosing(frames):
        assert await anext(frames) == b"one"
    assert closed == ["closed"]


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Generations that were asked to stop."""
    asked: list[object] = []

    async def request_cancel(generation_id: object) -> None:
        asked.append(generation_id)

    monkeypatch.setattr(sse, "in_database", lambda function: request_cancel)
    return asked


@pytest.mark.parametrize("is_stopping", [False, True])
async def test_whoever_leaves_stops_the_reply_but_a_stopping_server_does_not(
    cancelled: list[object], monkeypatch: pytest.MonkeyPatch, is_stopping: bool
) -> None:
    monkeypatch.setattr(sse, "is_stopping", lambda: is_stopping)
    id_ = uuid4()
    async with aclosing(cancel_when_left(id_, slow(asyncio.Event(), []))) as frames:
        await anext(frames)
    assert cancelled == ([] if is_stopping else [id_])


async def test_a_task_that_is_cancelled_has_left(cancelled: list[object]) -> None:
    id_, started = uuid4(), asyncio.Event()

    async def read() -> None:
        async for _ in cancel_when_left(id_, slow(asyncio.Event(), [])):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert cancelled == [id_]


async def test_a_reply_read_to_its_end_is_left_alone(cancelled: list[object]) -> None:
    release = asyncio.Event()
    release.set()
    assert [frame async for frame in cancel_when_left(uuid4(), slow(release, []))] == [b"one", b"two"]
    assert cancelled == []


@pytest.fixture
def own_handlers() -> Iterator[None]:
    """Signal handlers as they were."""
    earlier = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)
    stopping._told.clear()
    stopping._watched.clear()


@pytest.mark.usefixtures("own_handlers")
def test_a_signal_is_noticed_and_passed_on() -> None:
    heard: list[int] = []
    stopping._watched.clear()
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    stopping.watch_for_stop()
    stopping.watch_for_stop()
    assert not stopping.is_stopping()
    signal.raise_signal(signal.SIGTERM)
    assert stopping.is_stopping()
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize(("given_", "seq"), [("", 5), ("7", 7), ("-3", -1), (str(2**40), 2**31 - 1)])
def test_where_a_client_had_come_to(given_: str, seq: int) -> None:
    request = HttpRequest()
    request.META["HTTP_LAST_EVENT_ID"] = given_
    assert last_event_id(request, 5) == seq


def test_nonsense_is_refused() -> None:
    request = HttpRequest()
    request.META["HTTP_LAST_EVENT_ID"] = "x"
    with pytest.raises(InvalidRequest):
        last_event_id(request)


@pytest.mark.usefixtures("own_handlers")
async def test_a_server_that_stops_tells_its_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "PARTING_SECONDS", 0.0)
    closed = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    stopping._watched.clear()
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    pieces = with_heartbeat(frames(), broken=b"broken")
    assert await anext(pieces) == b"one"
    signal.raise_signal(signal.SIGTERM)
    assert [piece async for piece in pieces] == [b"broken"]
    assert closed.is_set()


async def test_frames_that_come_together_are_one_piece_and_a_failure_is_told_behind_them() -> None:
    async def frames() -> AsyncGenerator[bytes, None]:
        for number in range(2 * sse.READ_AHEAD):
            yield b"%d " % number
        raise ZeroDivisionError

    seen = [piece async for piece in with_heartbeat(frames(), broken=b"broken")]
    assert b"".join(seen).split() == [*(b"%d" % number for number in range(2 * sse.READ_AHEAD)), b"broken"]
    assert len(seen) < sse.READ_AHEAD

"""What a session hears when its doorbells are lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from chat.realtime import rooms as module
from chat.realtime.database import in_database
from chat.realtime.protocol.doorbells import Doorbell
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate
from chat.realtime.rooms import Rooms
from chat.selectors.messages import messages_changed_since, session_times
from chat.services.telling import message_update
from chat.services.turns import edit_message, start_turn
from tests.chat.realtime.sockets import FakeWorker, offer_model
from tests.chat.realtime.test_publisher import DEAD
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db(transaction=True)


class Listener:
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    def hear(self, event: Any) -> None:
        self.events.put_nowait(event)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.events.get(), 10)


@pytest.fixture(autouse=True)
def no_redis(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No doorbell rings; the poller hardly waits."""
    settings.CHANNEL_LAYERS = DEAD
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)


async def join() -> tuple[Any, Rooms, Listener]:
    await in_database(offer_model)()
    session = await in_database(make_session)()
    rooms, listener = Rooms(), Listener()
    await rooms.join(session.id, listener)
    return session, rooms, listener


async def test_a_turn_is_found_by_polling_and_told_once() -> None:
    session, rooms, listener = await join()
    turn = await in_database(start_turn)(user=session.owner, session_id=session.id, content="Hi")
    heard = [await listener.next() for _ in range(3)]
    assert [(event.action, event.message.id) for event in heard[:2]] == [
        ("new_message", str(turn.message.id)),
        ("new_message", str(turn.reply.id)),
    ]
    assert isinstance(heard[2], GenerationQueued)
    rooms._rooms[session.id].ring(Doorbell(events=[*turn.updates]))
    worker = FakeWorker()
    await worker.claim()
    await worker.finish()
    await in_database(edit_message)(
        user=session.owner, session_id=session.id, message_id=turn.message.id, content="Hello"
    )
    edited = await listener.next()
    assert (edited.action, edited.message.content) == ("updated", "Hello")
    assert listener.events.empty()
    rooms.leave(session.id, listener)
    rooms.leave(session.id, listener)


async def test_what_was_there_before_is_not_news() -> None:
    session, rooms, first = await join()
    await in_database(start_turn)(user=session.owner, session_id=session.id, content="Hi")
    for _ in range(3):
        await first.next()
    late = Listener()
    await rooms.join(session.id, late)
    assert late.events.empty()
    rooms.leave(session.id, late)
    rooms.leave(session.id, first)


async def test_deletions_are_always_passed_on() -> None:
    session, rooms, listener = await join()
    turn = await in_database(start_turn)(user=session.owner, session_id=session.id, content="Hi")
    update = await in_database(lambda: message_update(turn.message, "deleted"))()
    rooms._rooms[session.id].ring(Doorbell(events=[update, update]))
    actions = [await listener.next() for _ in range(2)]
    assert [event.action for event in actions if isinstance(event, MessageUpdate)] == ["deleted", "deleted"]
    rooms.leave(session.id, listener)


async def test_the_database_may_come_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session, rooms, listener = await join()
    real, failures = session_times, iter(range(2))

    def flaky(ids: Any) -> Any:
        if next(failures, None) is not None:
            raise OperationalError("gone")
        return real(ids)

    monkeypatch.setattr(module, "session_times", flaky)
    await in_database(start_turn)(user=session.owner, session_id=session.id, content="Hi")
    await listener.next()
    assert "cannot poll 1 sessions" in caplog.text
    rooms.leave(session.id, listener)


async def test_a_message_is_new_once_even_when_its_reply_has_ended_since() -> None:
    session, rooms, listener = await join()
    before = session.updated_at
    turn = await in_database(start_turn)(user=session.owner, session_id=session.id, content="Hi")
    for _ in range(3):
        await listener.next()
    worker = FakeWorker()
    await worker.claim()
    await worker.finish()
    again = await in_database(messages_changed_since)(session.id, before)
    assert [update.message.status for update in again] == ["complete", "complete"]
    rooms._rooms[session.id].ring(Doorbell(events=[*again]))
    assert listener.events.empty()
    assert again[1].message.id == str(turn.reply.id)
    rooms.leave(session.id, listener)

"""What is told to a whole session: one subscription per process and session, shared by its sockets."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from chat.realtime.database import in_database
from chat.realtime.protocol.closing import Close, CloseSockets
from chat.realtime.protocol.doorbells import Doorbell, RoomEvent, session_group
from chat.realtime.protocol.events import MessageUpdate
from chat.realtime.subscription import Subscription
from chat.selectors.generations import queued_in_session
from chat.selectors.messages import messages_changed_since, session_times

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
REMEMBERED = 200


class Member(Protocol):
    """A socket in a room."""

    def hear(self, event: RoomEvent) -> None:
        """Take an event; never waits."""


class Room:
    """The sockets of one session in this process. `changed_at` is the session row's time they know of."""

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.members: set[Member] = set()
        self.changed_at: datetime | None = None
        self.subscription = Subscription(session_group(session_id), self.ring)
        self._heard: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)

    def ring(self, doorbell: Doorbell) -> None:
        """Pass a doorbell's events to every socket, those about messages once."""
        for event in doorbell.events:
            if not self._is_repeat(event):
                for member in tuple(self.members):
                    member.hear(event)

    def _is_repeat(self, event: RoomEvent) -> bool:
        if not isinstance(event, MessageUpdate) or event.action == "deleted":
            return False
        # A message is new once, even where it is found again after its reply's end; an edit has its time.
        version = (event.message.id, "" if event.action == "new_message" else event.message.updated_at)
        if version in self._heard:
            return True
        self._heard.append(version)
        return False


class Rooms:
    """The rooms of one event loop, and the poller that finds what no doorbell told."""

    def __init__(self) -> None:
        self._rooms: dict[UUID, Room] = {}
        self._poller: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    async def join(self, session_id: UUID, member: Member) -> None:
        """Hear everything from now on; while Redis is away, what polling finds."""
        room = self._rooms.get(session_id)
        if room is None:
            room = self._rooms[session_id] = Room(session_id)
            room.subscription.start()
        room.members.add(member)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="session poller")
        await room.subscription.wait_tried()
        if room.changed_at is None:
            room.changed_at = (await in_database(session_times)([session_id])).get(session_id)

    def leave(self, session_id: UUID, member: Member) -> None:
        """Hear nothing any more. The last one out closes the room."""
        room = self._rooms.get(session_id)
        if room is None:
            return
        room.members.discard(member)
        if not room.members:
            del self._rooms[session_id]
            stopping = asyncio.create_task(room.subscription.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)

    async def _poll(self) -> None:
        while self._rooms:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
            except Exception:  # the edge of the task: the database is away
                logger.exception("cannot poll %d sessions, trying again", len(self._rooms))

    async def _look(self) -> None:
        times = await in_database(session_times)(list(self._rooms))
        for room in tuple(self._rooms.values()):
            before, now = room.changed_at, times.get(room.session_id)
            if before is not None and now is None:
                room.ring(Doorbell(events=[CloseSockets(code=Close.NO_SUCH_SESSION)]))
            if before is not None and now is not None and now > before:
                room.ring(await in_database(_changes)(room.session_id, before))
                room.changed_at = now


def _changes(session_id: UUID, moment: datetime) -> Doorbell:
    events: list[RoomEvent] = [*messages_changed_since(session_id, moment)]
    events += queued_in_session(session_id, moment)
    return Doorbell(events=events)


def rooms() -> Rooms:
    """The running loop's rooms."""
    return _all_rooms.setdefault(asyncio.get_running_loop(), Rooms())


_all_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Rooms] = WeakKeyDictionary()

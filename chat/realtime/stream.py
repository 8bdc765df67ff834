"""Reading a generation: what is committed, then what is being written, to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from uuid import UUID
from weakref import WeakKeyDictionary

from chat.realtime.database import in_database
from chat.realtime.hub import Hub, take_snapshots
from chat.realtime.protocol.events import GenerationEvent, GenerationQueued, MessageUpdate
from chat.selectors.generations import find_news
from chat.selectors.messages import find_message_view

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.8
RINGING_SECONDS = 0.2
"""How long a doorbell may be under way before the row is read without it."""


async def follow_generation(
    generation_id: UUID, *, after_seq: int = -1, told: GenerationQueued | None = None
) -> AsyncGenerator[GenerationEvent | MessageUpdate, None]:
    """Every event of a generation after chunk `after_seq`, ending with `generation_finished` or `_failed`.

    `told` is what the reader knows already.

    Chunks come in order, none twice, none missing. Where they were purged already, one `message_update`
    with the whole content stands for them. Close the iterator when leaving early.
    """
    notice: GenerationEvent | None = told
    async with _watching(generation_id, told) as hub:
        while True:
            changed = hub.changed
            if hub.notice is not None and hub.notice != notice:
                notice = hub.notice
                yield notice
            terminal = hub.terminal
            deltas = await hub.deltas_after(after_seq)
            for delta in deltas:
                after_seq = delta.seq
                yield delta
            if terminal is not None and not deltas:
                break
            if not deltas:
                await changed.wait()
        if hub.is_purged or after_seq < hub.last_seq:
            async for update in _whole_message(terminal.message_id):
                yield update
        yield terminal


async def _whole_message(message_id: str) -> AsyncIterator[MessageUpdate]:
    view = await in_database(find_message_view)(UUID(message_id))
    if view is not None:
        yield MessageUpdate(session_id=view.session_id, action="updated", message=view)


class _Hubs:
    """The hubs of one event loop, and the poller that looks at all their rows once a second."""

    def __init__(self) -> None:
        self.hubs: dict[UUID, Hub] = {}
        self._poller: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    def enter(self, generation_id: UUID, told: GenerationQueued | None) -> Hub:
        hub = self.hubs.get(generation_id)
        if hub is None:
            hub = self.hubs[generation_id] = Hub(generation_id, told)
            hub.start()
        hub.readers += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="generation poller")
        return hub

    def leave(self, hub: Hub) -> None:
        hub.readers -= 1
        if hub.readers == 0:
            del self.hubs[hub.generation_id]
            # Leaving the group may wait for Redis; the reader does not.
            stopping = asyncio.create_task(hub.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)

    async def _poll(self) -> None:
        while self.hubs:
            await asyncio.sleep(POLL_SECONDS)
            watched = [hub for hub in self.hubs.values() if hub.terminal is None]
            if not watched:
                continue
            try:
                await self._look(watched)
            except Exception:  # the edge of the task: the database is away
                logger.exception("cannot poll %d generations, trying again", len(watched))

    async def _look(self, watched: list[Hub]) -> None:
        known = {hub.generation_id: hub.last_seq for hub in watched}
        news = await in_database(find_news)(known)
        # Most of it was committed just now and rings meanwhile.
        await asyncio.sleep(RINGING_SECONDS)
        late = [id_ for id_ in news if id_ in self.hubs and self.hubs[id_].last_seq == known[id_]]
        rows = await in_database(take_snapshots)(late) if late else {}
        for id_ in late:
            if hub := self.hubs.get(id_):
                hub.observe(rows.get(id_))


_all_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hubs] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def _watching(generation_id: UUID, told: GenerationQueued | None) -> AsyncIterator[Hub]:
    hubs = _all_hubs.setdefault(asyncio.get_running_loop(), _Hubs())
    hub = hubs.enter(generation_id, told)
    try:
        yield hub
    finally:
        hubs.leave(hub)

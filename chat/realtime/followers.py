"""The generations one socket follows, each in a task that pulls at the socket's own pace."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from uuid import UUID

from chat.log_context import logged_as
from chat.realtime.outbox import Outbox, Stalled
from chat.realtime.protocol.events import GenerationQueued
from chat.realtime.stream import follow_generation

logger = logging.getLogger(__name__)


class Followers:
    """At most one task per generation. `fail` is called when one cannot go on."""

    def __init__(self, outbox: Outbox, fail: Callable[[], None]) -> None:
        self._outbox = outbox
        self._fail = fail
        self._known: set[UUID] = set()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def leave_silent(self, generation_id: UUID) -> None:
        """Follow this one only when the client asks for it."""
        self._known.add(generation_id)

    def begin(self, queued: GenerationQueued) -> None:
        """Follow a generation that has just been started, once, however often it is announced."""
        generation_id = UUID(queued.generation_id)
        if generation_id in self._known:
            return
        self._outbox.post(queued)
        self._start(generation_id, after_seq=-1, told=queued)

    def resume(self, generation_id: UUID, *, after_seq: int) -> None:
        """Follow from a cursor; a task that follows already is replaced, which moves the cursor."""
        self._start(generation_id, after_seq=after_seq, told=None)

    def stop(self) -> None:
        """Follow nothing any more."""
        for task in self._tasks.values():
            task.cancel()

    def _start(self, generation_id: UUID, *, after_seq: int, told: GenerationQueued | None) -> None:
        self._known.add(generation_id)
        before = self._tasks.pop(generation_id, None)
        follow = self._follow(generation_id, after_seq=after_seq, told=told, before=before)
        task = asyncio.create_task(follow, name=f"follow {generation_id}")
        self._tasks[generation_id] = task
        task.add_done_callback(lambda done: self._forget(generation_id, done))

    def _forget(self, generation_id: UUID, done: asyncio.Task[None]) -> None:
        if self._tasks.get(generation_id) is done:
            del self._tasks[generation_id]

    async def _follow(
        self,
        generation_id: UUID,
        *,
        after_seq: int,
        told: GenerationQueued | None,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:  # its last frame must not follow our first
            before.cancel()
            await asyncio.wait([before])
        try:
            following = follow_generation(generation_id, after_seq=after_seq, told=told)
            async with contextlib.aclosing(following) as events:
                async for event in events:
                    await self._outbox.deliver(event)
        except (Stalled, OSError):  # the socket is closing
            return
        except Exception:  # the edge of the task: the client reconnects and resumes
            with logged_as(generation_id=generation_id):
                logger.exception("cannot follow generation %s", generation_id)
            self._fail()

"""One hub per process and watched generation: it hears doorbells, checks the row, and waits for nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from chat.log_context import logged_as
from chat.models import GenerationStatus
from chat.realtime.cursor import ChunkWindow
from chat.realtime.database import in_database
from chat.realtime.protocol.doorbells import Doorbell, RoomEvent, generation_group
from chat.realtime.protocol.events import (
    DeltaEvent,
    GenerationFailed,
    GenerationFinished,
    GenerationQueued,
    GenerationStarted,
)
from chat.realtime.protocol.views import GenerationError
from chat.realtime.subscription import Subscription
from chat.selectors.generations import (
    CHUNK_PAGE,
    Watched,
    deltas_after,
    queued_events,
    started_event,
    terminal_event,
    watch_generations,
)

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Snapshot:
    """The row at one moment, and what it says to a reader who has heard nothing yet."""

    watched: Watched
    notice: GenerationQueued | GenerationStarted | None


def take_snapshots(generation_ids: Collection[UUID]) -> dict[UUID, Snapshot]:
    """Snapshots of many generations: one query, and those of `queued_events` while any of them waits."""
    found = watch_generations(generation_ids)
    waiting = [item.row for item in found.values() if item.row.status == GenerationStatus.QUEUED]
    queued = {UUID(event.generation_id): event for event in queued_events(waiting)}
    return {id_: Snapshot(item, queued.get(id_) or _started(item)) for id_, item in found.items()}


def _started(watched: Watched) -> GenerationStarted | None:
    is_told = watched.row.status == GenerationStatus.RUNNING and watched.last_seq >= 0
    return started_event(watched.row) if is_told else None


class Hub:
    """What is known of one generation. Readers look at `notice`, `deltas_after` and `terminal`, then wait
    for `changed`, an event that is set and replaced at every change.

    Of a generation that is `told` to be new nothing is read: chunk 0 is still to come, or shows as a gap.
    """

    def __init__(self, generation_id: UUID, told: GenerationQueued | None = None) -> None:
        self.generation_id = generation_id
        self.readers = 0
        self.notice: GenerationQueued | GenerationStarted | None = told
        self.terminal: GenerationFinished | GenerationFailed | None = None
        self.is_purged = False
        self.changed = asyncio.Event()
        self._window = ChunkWindow() if told else None
        self._message_id = UUID(told.message_id) if told else None
        self._inbox: asyncio.Queue[Doorbell | Snapshot | None] = asyncio.Queue()
        self._subscription = Subscription(generation_group(generation_id), self._inbox.put_nowait)
        self._task: asyncio.Task[None] | None = None

    @property
    def last_seq(self) -> int:
        """The newest chunk known; -1 before the first."""
        return self._window.last if self._window is not None else -1

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._run(), name=f"hub {self.generation_id}")

    async def stop(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._subscription.stop()

    def observe(self, snapshot: Snapshot | None) -> None:
        """Hear from the poller what the row says; None when it is gone."""
        self._inbox.put_nowait(snapshot)

    async def deltas_after(self, seq: int) -> list[DeltaEvent]:
        """The chunks known after `seq`, or the first of them: from memory, or the database for older ones."""
        if self._window is None or self._message_id is None:
            return []
        recent = self._window.after(seq)
        return await self._read(seq) if recent is None else recent

    async def _run(self) -> None:
        # Subscribed first, read second: what is committed in between rings.
        self._subscription.start()
        await self._subscription.wait_tried()
        retry = False
        while self.terminal is None:
            try:
                if retry or self._window is None:
                    await self._refresh()
                    retry = False
                else:
                    await self._hear(await self._inbox.get())
            except Exception:  # the edge of the task: the database is away
                with logged_as(generation_id=self.generation_id):
                    logger.exception("cannot read generation %s, trying again", self.generation_id)
                retry = True
                await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self, item: Doorbell | Snapshot | None) -> None:
        if isinstance(item, Doorbell):
            for event in item.events:
                await self._take(event)
        else:
            await self._catch_up(item)

    async def _take(self, event: RoomEvent) -> None:
        match event:
            case DeltaEvent():
                await self._take_delta(event)
            case GenerationFinished(last_seq=last) if last == self.last_seq:
                self._end(event)
            case GenerationFinished() | GenerationFailed():
                await self._refresh()
            case GenerationQueued() | GenerationStarted():
                self._notice(event)

    async def _take_delta(self, delta: DeltaEvent) -> None:
        assert self._window is not None  # noqa: S101  nothing is heard before the first refresh
        verdict = self._window.offer(delta)
        if verdict == "gap":
            await self._refresh()
        elif verdict == "forward":
            self._change()

    async def _refresh(self) -> None:
        snapshots = await in_database(take_snapshots)([self.generation_id])
        await self._catch_up(snapshots.get(self.generation_id))

    async def _catch_up(self, snapshot: Snapshot | None) -> None:
        """Read the chunks that a row has beyond the window: an ended row's chunks are complete."""
        if snapshot is None:
            self._end(self._deleted())
            return
        watched = snapshot.watched
        if self._window is None:
            self._message_id = watched.row.message_id
            self._window = ChunkWindow(last=watched.last_seq)
        while self._window.last < watched.last_seq:
            page = await self._read(self._window.last)
            if not self._window.offer_all(page) or len(page) < CHUNK_PAGE:
                break
        if watched.is_over:
            self.is_purged = watched.is_purged
            self._end(terminal_event(watched))
        else:
            self._notice_row(snapshot)
            self._change()

    async def _read(self, after_seq: int) -> list[DeltaEvent]:
        assert self._message_id is not None  # noqa: S101  set with the window
        return await in_database(deltas_after)(
            generation_id=self.generation_id, message_id=self._message_id, after_seq=after_seq
        )

    def _notice_row(self, snapshot: Snapshot) -> None:
        # A row read before the attempt began may be heard after its doorbell.
        known, attempt = self.notice, snapshot.watched.row.attempt
        is_stale = isinstance(known, GenerationStarted) and attempt < known.attempt
        if snapshot.notice is not None and not is_stale:
            self._notice(snapshot.notice)

    def _notice(self, notice: GenerationQueued | GenerationStarted) -> None:
        if self._is_news(notice):
            self.notice = notice
            self._change()

    def _is_news(self, notice: GenerationQueued | GenerationStarted) -> bool:
        known = self.notice
        if isinstance(notice, GenerationStarted) and isinstance(known, GenerationStarted):
            return notice.attempt > known.attempt
        if isinstance(notice, GenerationQueued) and isinstance(known, GenerationQueued):
            return (notice.position, notice.eta_seconds) != (known.position, known.eta_seconds)
        return True

    def _end(self, terminal: GenerationFinished | GenerationFailed) -> None:
        self.terminal = terminal
        self._change()

    def _change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def _deleted(self) -> GenerationFailed:
        error = GenerationError(code="not_found", message="This reply has been deleted.")
        message_id = str(self._message_id or "")
        return GenerationFailed(generation_id=str(self.generation_id), message_id=message_id, error=error)

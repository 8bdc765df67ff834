"""Following a generation: history, then live; with doorbells, without them, and without Redis."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import OperationalError

from chat.models import Generation, GenerationChunk
from chat.realtime import hub as hub_module
from chat.realtime import stream as stream_module
from chat.realtime.cursor import ChunkWindow
from chat.realtime.database import in_database
from chat.realtime.protocol.events import DeltaEvent, GenerationQueued, GenerationStarted
from chat.realtime.stream import follow_generation
from chat.selectors.generations import Watched, queued_events
from chat.services.generations import release_generations, request_cancel
from tests.chat.realtime.sockets import FakeWorker, offer_model, publish_events
from tests.chat.realtime.test_publisher import DEAD
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[pytest.param("doorbells", marks=pytest.mark.services), "silence", "no redis"])
def worker(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeWorker:
    """A worker that rings; one whose doorbells are all lost; and one in a Redis outage."""
    if request.param == "doorbells":
        monkeypatch.setattr(stream_module, "POLL_SECONDS", 60)
    else:
        settings.CHANNEL_LAYERS = DEAD
        monkeypatch.setattr(stream_module, "POLL_SECONDS", 0.02)
        monkeypatch.setattr(stream_module, "RINGING_SECONDS", 0.0)
    return FakeWorker(ring=request.param != "silence")


@pytest.fixture
def quick_polls(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Redis, but a poller that hardly waits."""
    settings.CHANNEL_LAYERS = DEAD
    monkeypatch.setattr(stream_module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(stream_module, "RINGING_SECONDS", 0.0)


class Reader:
    """Reads a stream in a task."""

    def __init__(self, generation_id: UUID, **options: Any) -> None:
        self.events: list[Any] = []
        self._news = asyncio.Condition()
        self.task = asyncio.create_task(self._read(generation_id, options))

    async def _read(self, generation_id: UUID, options: dict[str, Any]) -> None:
        async with aclosing(follow_generation(generation_id, **options)) as events:
            async for event in events:
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()

    @property
    def kinds(self) -> list[str]:
        return [event.__struct_config__.tag for event in self.events]

    @property
    def seqs(self) -> list[int]:
        return [event.seq for event in self.events if isinstance(event, DeltaEvent)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, DeltaEvent))

    async def heard(self, kind: str, count: int = 1) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: self.kinds.count(kind) >= count)

    async def end(self) -> list[str]:
        await asyncio.wait_for(self.task, 10)
        return self.kinds


async def generation() -> UUID:
    await in_database(offer_model)()
    return (await in_database(make_generation)()).id


async def test_live_from_the_start(worker: FakeWorker) -> None:
    reader = Reader(await generation())
    await reader.heard("generation_queued")
    await worker.claim()
    for number in range(5):
        await worker.say(f"{number} ")
    await worker.finish()
    kinds = await reader.end()
    assert reader.seqs == [0, 1, 2, 3, 4]
    assert reader.text == "0 1 2 3 4 "
    assert kinds[0] == "generation_queued"
    assert kinds[-1] == "generation_finished"
    assert reader.events[-1].last_seq == 4


async def test_joining_in_the_middle_from_a_cursor(worker: FakeWorker) -> None:
    generation_id = await generation()
    await worker.claim()
    for _ in range(4):
        await worker.say("x")
    whole, tail = Reader(generation_id), Reader(generation_id, after_seq=2)
    await whole.heard("delta", 4)
    await worker.say("x")
    await worker.finish()
    await asyncio.gather(whole.end(), tail.end())
    assert whole.seqs == [0, 1, 2, 3, 4]
    assert tail.seqs == [3, 4]


async def test_after_the_end_the_history_is_still_there(worker: FakeWorker) -> None:
    generation_id = await generation()
    await worker.claim()
    await worker.say("a")
    await worker.say("b")
    await worker.finish()
    reader = Reader(generation_id)
    assert await reader.end() == ["delta", "delta", "generation_finished"]
    late = Reader(generation_id, after_seq=1)
    assert await late.end() == ["generation_finished"]


async def test_cancelled_in_the_queue(worker: FakeWorker) -> None:
    generation_id = await generation()
    reader = Reader(generation_id)
    await reader.heard("generation_queued")
    await in_database(request_cancel)(generation_id=generation_id)
    if not worker.ring:
        publish_events(generation_id, [])
    assert (await reader.end())[-1] == "generation_finished"
    assert reader.events[-1].finish_reason == "cancelled"


@pytest.mark.services
async def test_repeated_lost_and_shuffled_doorbells_change_nothing() -> None:
    generation_id = await generation()
    worker = FakeWorker(ring=False)
    reader = Reader(generation_id)
    await reader.heard("generation_queued")
    claimed = await worker.claim()
    ids: Any = {"generation_id": str(generation_id), "message_id": str(claimed.message_id)}
    for number in range(6):
        await worker.say(str(number))
    deltas = [DeltaEvent(**ids, seq=seq, text=str(seq)) for seq in range(6)]
    publish_events(generation_id, [deltas[0], deltas[0], deltas[3], deltas[1], deltas[5], deltas[4]])
    await reader.heard("delta", 6)
    worker.ring = True
    await worker.finish()
    await reader.end()
    assert reader.text == "012345"


@pytest.mark.usefixtures("quick_polls")
async def test_the_queue_moves() -> None:
    first, second = await generation(), await generation()
    reader = Reader(second)
    await reader.heard("generation_queued")
    await in_database(request_cancel)(generation_id=first)
    await reader.heard("generation_queued", 2)
    assert [event.position for event in reader.events] == [2, 1]
    reader.task.cancel()


@pytest.mark.usefixtures("quick_polls")
async def test_a_drained_generation_waits_again_and_goes_on() -> None:
    generation_id = await generation()
    reader, worker = Reader(generation_id), FakeWorker()
    claimed = await worker.claim()
    await worker.say("a")
    await reader.heard("delta")
    waited = reader.kinds.count("generation_queued")
    await in_database(release_generations)(generations=[(generation_id, claimed.attempt)])
    await reader.heard("generation_queued", waited + 1)
    await worker.claim()
    await worker.say("b")
    await reader.heard("generation_started", 2)
    await worker.finish()
    await reader.end()
    assert reader.text == "ab"
    assert [event.attempt for event in reader.events if isinstance(event, GenerationStarted)][-1] == 2


@pytest.mark.usefixtures("quick_polls")
async def test_a_purged_reply_comes_whole() -> None:
    generation_id = await generation()
    worker = FakeWorker()
    await worker.claim()
    await worker.say("all of it")
    await worker.finish()
    await in_database(GenerationChunk.objects.all().delete)()
    reader = Reader(generation_id, after_seq=0)
    assert await reader.end() == ["message_update", "generation_finished"]
    assert reader.events[0].message.content == "all of it"


@pytest.mark.usefixtures("quick_polls")
async def test_what_does_not_exist_ends_at_once() -> None:
    reader = Reader(uuid4())
    assert await reader.end() == ["generation_failed"]
    assert reader.events[0].error.code == "not_found"


@pytest.mark.usefixtures("quick_polls")
async def test_what_is_deleted_ends() -> None:
    generation_id = await generation()
    reader = Reader(generation_id)
    await reader.heard("generation_queued")
    await in_database(Generation.objects.all().delete)()
    assert (await reader.end())[-1] == "generation_failed"


@pytest.mark.usefixtures("quick_polls")
async def test_a_cursor_beyond_the_end_hears_the_end() -> None:
    generation_id = await generation()
    worker = FakeWorker()
    reader = Reader(generation_id, after_seq=1000)
    await worker.claim()
    await worker.say("x")
    await worker.finish()
    assert (await reader.end())[-1] == "generation_finished"
    assert reader.seqs == []


@pytest.mark.usefixtures("quick_polls")
async def test_long_histories_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.selectors.generations.CHUNK_PAGE", 2)
    monkeypatch.setattr(hub_module, "CHUNK_PAGE", 2)
    generation_id = await generation()
    worker = FakeWorker()
    early = Reader(generation_id)
    await early.heard("generation_queued")
    await worker.claim()
    for _ in range(7):
        await worker.say("x")
    await worker.finish()
    late = Reader(generation_id)
    await asyncio.gather(early.end(), late.end())
    assert early.seqs == late.seqs == list(range(7))


@pytest.mark.usefixtures("quick_polls")
async def test_a_hub_ends_with_its_last_reader() -> None:
    generation_id = await generation()
    first, second = Reader(generation_id), Reader(generation_id)
    await first.heard("generation_queued")
    await second.heard("generation_queued")
    hubs = stream_module._all_hubs[asyncio.get_running_loop()]
    hub = hubs.hubs[generation_id]
    assert hub.readers == 2
    for reader in (first, second):
        reader.task.cancel()
        await asyncio.wait([reader.task])
    assert generation_id not in hubs.hubs
    await asyncio.wait(hubs._stopping)
    assert hub._task is not None
    assert hub._task.done()


async def test_the_database_may_come_back(
    quick_polls: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    generation_id = await generation()
    real, failures = hub_module.take_snapshots, iter(range(3))

    def flaky(ids: Any) -> Any:
        if next(failures, None) is not None:
            raise OperationalError("gone")
        return real(ids)

    monkeypatch.setattr(hub_module, "take_snapshots", flaky)
    monkeypatch.setattr(stream_module, "take_snapshots", flaky)
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.01)
    reader = Reader(generation_id)
    await reader.heard("generation_queued")
    assert "cannot read generation" in caplog.text
    failures = iter(range(2))
    await in_database(request_cancel)(generation_id=generation_id)
    assert (await reader.end())[-1] == "generation_finished"
    assert "cannot poll" in caplog.text


async def test_a_row_read_before_the_attempt_is_stale() -> None:
    hub = hub_module.Hub(uuid4())
    row = Generation(id=hub.generation_id, message_id=uuid4(), attempt=0)
    started = GenerationStarted(
        generation_id="g", message_id="m", attempt=1, worker="w", prompt_tokens=3, cached_tokens=0
    )
    await hub._take(started)
    (queued,) = await in_database(queued_events)([row])
    hub._notice_row(hub_module.Snapshot(Watched(row, -1), queued))
    assert hub.notice == started
    await hub._take(started)
    assert hub.notice is started


@pytest.mark.usefixtures("quick_polls")
async def test_what_a_reader_knows_already_is_not_told_again() -> None:
    generation_id = await generation()
    (row,) = await in_database(list)(Generation.objects.all())
    (queued,) = await in_database(queued_events)([row])
    reader, worker = Reader(generation_id, told=queued), FakeWorker()
    await worker.claim()
    await worker.say("x")
    await worker.finish()
    assert (await reader.end())[-1] == "generation_finished"
    assert queued not in reader.events


async def test_what_rings_meanwhile_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, late = await generation(), await generation()
    hubs, read = stream_module._Hubs(), list[Any]()
    for id_ in (quick, late):
        hubs.hubs[id_] = hub_module.Hub(id_)
        hubs.hubs[id_]._window = ChunkWindow()
    bell = DeltaEvent(generation_id=str(quick), message_id="m", seq=0, text="x")

    async def ring(_: float) -> None:
        await hubs.hubs[quick]._take(bell)

    def take_snapshots(ids: list[UUID]) -> dict[UUID, Any]:
        read.extend(ids)
        return {}

    monkeypatch.setattr(stream_module, "take_snapshots", take_snapshots)
    monkeypatch.setattr(asyncio, "sleep", ring)
    await hubs._look(list(hubs.hubs.values()))
    assert read == [late]


async def test_a_waiting_reader_hears_of_a_better_estimate() -> None:
    hub = hub_module.Hub(uuid4())
    nobody = GenerationQueued(generation_id="g", message_id="m", position=1, eta_seconds=None)
    await hub._take(nobody)
    changed = hub.changed
    await hub._take(msgspec.structs.replace(nobody))
    assert not changed.is_set()
    await hub._take(msgspec.structs.replace(nobody, eta_seconds=0.0))
    assert changed.is_set()

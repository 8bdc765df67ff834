"""The tick against the database, the engine's part played by the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone

from chat.models import ChatMessage, Generation, GenerationChunk, GenerationStatus, WorkerStatus
from chat.realtime.protocol.doorbells import Doorbell, generation_group
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed, GenerationFinished, GenerationStarted
from chat.services.generations import Progress, claim_generation, flush_progress, request_cancel
from chat.services.workers import heartbeat
from tests.support.factories import make_session
from tests.support.waiting import wait_until
from tests.workers.conftest import WORKER, FakeEngine, as_client
from workers import flusher as flushing
from workers.flusher import LOOK_S, TICK_S, Flusher, pause_after
from workers.generation import GenerationRun

pytestmark = pytest.mark.django_db(transaction=True)

Claim = Callable[..., GenerationRun]
Doorbells = list[tuple[str, Doorbell]]


def events(doorbells: Doorbells) -> list[Any]:
    return [event for _, doorbell in doorbells for event in doorbell.events]


def content(run: GenerationRun) -> str:
    return str(ChatMessage.objects.get(generations=run.id).content)


def row(run: GenerationRun) -> Generation:
    return Generation.objects.get(id=run.id)


class Database:
    """Stands in for `flush_progress`: raises what it is told to before, or after, the real one."""

    def __init__(self) -> None:
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.refused: set[UUID] = set()

    def __call__(self, *, worker: str, updates: list[Progress], renews: bool) -> Any:
        if self.before:
            raise self.before.pop(0)
        for update in updates:
            if update.generation_id in self.refused and update.has_chunk:
                raise DataError("this text cannot be stored")
        flushed = flush_progress(worker=worker, updates=updates, renews=renews)
        if self.after:
            raise self.after.pop(0)
        return flushed


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(flushing, "flush_progress", database)
    return database


def test_a_reply_is_committed_then_published(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, doorbells: Doorbells
) -> None:
    run = claim_run()
    engine.start(run, cached_tokens=2)
    engine.say(run, "Hello ", 1)
    flusher.tick()
    flusher.tick()
    engine.say(run, "wor", 2)
    engine.say(run, "", 3)
    engine.finish(run, text="ld", tokens=3)
    flusher.tick()

    started, first, second, finished = events(doorbells)
    assert isinstance(started, GenerationStarted)
    assert (started.attempt, started.worker, started.cached_tokens) == (1, "tester", 2)
    assert isinstance(first, DeltaEvent)
    assert [(first.seq, first.text), (second.seq, second.text)] == [(0, "Hello "), (1, "world")]
    assert isinstance(finished, GenerationFinished)
    assert (finished.finish_reason, finished.last_seq, finished.usage.completion_tokens) == ("stop", 1, 3)
    assert {group for group, _ in doorbells} == {generation_group(run.id)}
    assert content(run) == "Hello world"
    assert row(run).status == GenerationStatus.SUCCEEDED
    assert engine.acknowledged == [(run.request_id, 1), (run.request_id, 2)]
    assert run.is_over
    assert flusher.busy == 0


def test_an_idle_tick_extends_leases_and_rings_nothing(
    claim_run: Claim, flusher: Flusher, doorbells: Doorbells
) -> None:
    session = make_session()
    runs = [claim_run(session=session) for _ in range(3)]
    Generation.objects.update(lease_until=F("lease_until") - timedelta(seconds=3))
    flusher.tick()

    soon = timezone.now() + timedelta(seconds=2)
    assert Generation.objects.filter(lease_until__gt=soon).count() == len(runs)
    assert doorbells == []


def test_a_cancel_reaches_the_engine_and_ends_the_reply(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    run = claim_run()
    engine.say(run, "half ")
    request_cancel(generation_id=run.id)
    flusher.tick()
    assert run.request_id in engine.cancelled
    engine.finish(run, "cancelled")
    flusher.tick()

    assert row(run).status == GenerationStatus.CANCELLED
    assert content(run) == "half "


def test_a_lost_lease_drops_the_run_and_writes_nothing(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, doorbells: Doorbells
) -> None:
    lost, kept = claim_run(), claim_run()
    Generation.objects.filter(id=lost.id).update(attempt=2)
    engine.say(lost, "stale")
    engine.say(kept, "fresh")
    flusher.tick()

    assert lost.is_over
    assert lost.request_id in engine.cancelled
    assert kept.request_id not in engine.cancelled
    assert [chunk.text for chunk in GenerationChunk.objects.all()] == ["fresh"]
    assert [event.text for event in events(doorbells)] == ["fresh"]
    assert flusher.busy == 1


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed")])
def test_an_outage_keeps_what_was_said(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, database: Database, error: Exception
) -> None:
    run = claim_run()
    database.before = [error, error]
    engine.say(run, "a", 1)
    flusher.tick()
    engine.say(run, "b", 2)
    flusher.tick()
    assert GenerationChunk.objects.count() == 0
    flusher.tick()
    flusher.tick()
    engine.finish(run, tokens=2)
    flusher.tick()

    assert content(run) == "ab"
    assert row(run).status == GenerationStatus.SUCCEEDED


def test_a_commit_that_arrived_unnoticed_is_not_repeated(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, database: Database
) -> None:
    run = claim_run()
    database.after = [OperationalError("the connection broke after the commit")]
    engine.say(run, "a", 1)
    flusher.tick()
    engine.say(run, "b", 2)
    flusher.tick()
    engine.finish(run, tokens=2)
    flusher.tick()

    assert content(run) == "ab"
    assert [chunk.seq for chunk in GenerationChunk.objects.order_by("seq")] == [0, 1]


def test_an_end_that_arrived_unnoticed_is_an_end(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, database: Database
) -> None:
    run = claim_run()
    database.after = [OperationalError("the connection broke after the commit")]
    engine.say(run, "all", 1)
    engine.finish(run, tokens=1)
    flusher.tick()
    flusher.tick()

    assert run.is_over
    assert flusher.busy == 0
    assert (row(run).status, content(run)) == (GenerationStatus.SUCCEEDED, "all")


def test_only_the_offender_fails(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, database: Database, doorbells: Doorbells
) -> None:
    good, bad = claim_run(), claim_run()
    database.refused = {bad.id}
    engine.say(good, "fine")
    engine.say(bad, "unspeakable")
    flusher.tick()
    engine.say(bad, "too late")
    engine.finish(bad)
    flusher.tick()

    assert row(bad).error_code == "internal_error"
    assert bad.request_id in engine.cancelled
    assert isinstance(events(doorbells)[-1], GenerationFailed)
    assert row(good).status == GenerationStatus.RUNNING
    assert [chunk.text for chunk in GenerationChunk.objects.all()] == ["fine"]


def test_an_outage_among_offenders_waits(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, database: Database
) -> None:
    run = claim_run()
    engine.say(run, "patience")
    database.before = [DataError("odd"), OperationalError("away")]
    flusher.tick()
    assert row(run).status == GenerationStatus.RUNNING
    flusher.tick()

    assert [chunk.text for chunk in GenerationChunk.objects.all()] == ["patience"]


def test_draining_commits_and_hands_back(claim_run: Claim, engine: FakeEngine, flusher: Flusher) -> None:
    done, running = claim_run(), claim_run()
    engine.say(done, "done")
    engine.finish(done)
    engine.say(running, "half", 5)
    flusher.drain()
    flusher.tick()

    assert row(done).status == GenerationStatus.SUCCEEDED
    left = row(running)
    assert (left.status, left.worker, left.faults) == (GenerationStatus.QUEUED, "", 0)
    assert [chunk.text for chunk in left.chunks.all()] == ["half"]
    assert running.is_over
    assert flusher.busy == 0


def test_what_lost_its_engine_is_handed_back(claim_run: Claim, engine: FakeEngine, flusher: Flusher) -> None:
    lost, other = claim_run(), claim_run()
    engine.say(lost, "half", 5)
    engine.fail(lost, "engine_stopped")
    flusher.tick()

    assert row(lost).status == GenerationStatus.QUEUED
    assert [chunk.text for chunk in row(lost).chunks.all()] == ["half"]
    assert row(other).status == GenerationStatus.RUNNING


def test_a_hanging_engine_lets_its_leases_expire(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    run = claim_run()
    before = row(run).lease_until
    engine.is_overdue = True
    flusher.tick()
    assert row(run).lease_until == before
    flusher.drain()
    flusher.tick()

    assert row(run).status == GenerationStatus.QUEUED


def test_a_flusher_that_is_late_is_not_current(
    claim_run: Claim, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("workers.flusher.time.monotonic", lambda: now[0])
    assert flusher.is_current, "nothing runs"
    claim_run()
    assert flusher.is_current
    now[0] += 3
    claim_run()
    assert not flusher.is_current, "the first one's lease is as old as before"
    flusher.tick()
    assert flusher.is_current


def test_started_it_ticks_by_itself_and_survives_a_bad_tick(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    flusher.start()
    run = claim_run()
    original, ticks = flusher._hand_back, []

    def stumble() -> None:
        ticks.append(1)
        if len(ticks) == 1:
            raise RuntimeError("a bug")
        original()

    monkeypatch.setattr(flusher, "_hand_back", stumble)
    engine.say(run, "alive")
    wait_until(lambda: GenerationChunk.objects.exists() and len(ticks) > 1, what="ticks after the bad one")
    assert flusher.close(10)

    assert row(run).status == GenerationStatus.QUEUED


def test_replies_of_a_crashed_engine_move_to_who_has_room_and_stay_with_who_has_not(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    run = claim_run()
    engine.say(run, "one ", 11)
    engine.has_crashed = True
    flusher.tick()
    assert row(run).worker == WORKER, "nobody else is there"
    heartbeat(name="other", status=WorkerStatus.READY, loaded_models=["paced"], slots=1)
    flusher.tick()
    assert (row(run).status, row(run).preferred_worker) == (GenerationStatus.QUEUED, "other")
    assert run.is_over, "its slot is free"
    assert engine.cancelled == [run.request_id]
    claimed = claim_generation(worker="other", models=["paced"])
    assert claimed is not None
    assert (claimed.resume_text, claimed.resume_ids, claimed.next_seq) == ("one ", [11], 1)
    again = GenerationRun(claimed, flusher.hear)
    again.start(as_client(engine), "digest")
    assert engine.requests[again.request_id].doubted


def test_who_takes_over_from_itself_lets_the_lost_attempt_go(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    lost = claim_run()
    Generation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    again = claim_run(row(lost))
    assert (again.attempt, lost.is_over) == (2, True), "its slot is free"
    assert engine.cancelled == [lost.request_id]
    engine.say(again, "one ", 11)
    flusher.tick()
    assert GenerationChunk.objects.get().attempt == 2


def test_without_news_a_tick_is_due_for_a_look_now_and_then(
    flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("workers.flusher.time.monotonic", lambda: now[0])
    monkeypatch.setattr(flushing, "LOOK_S", 0.001)
    flusher._flushed_at = now[0]
    assert not flusher._is_due()
    now[0] += 1
    assert flusher._is_due()


def test_without_generations_it_sleeps_until_there_is_one(claim_run: Claim, flusher: Flusher) -> None:
    assert not flusher._occupied.is_set()
    first, second = claim_run(), claim_run()
    assert flusher._occupied.is_set()
    flusher._remove(first)
    assert flusher._occupied.is_set()
    flusher._remove(second)
    assert not flusher._occupied.is_set()


@pytest.mark.parametrize("has_run", [True, False])
def test_a_flusher_that_sleeps_is_woken_by_a_generation_and_by_its_end(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher, has_run: bool
) -> None:
    flusher.start()
    if has_run:
        run = claim_run()
        engine.say(run, "Hello")
        engine.finish(run)
        wait_until(lambda: run.is_over, what="its end")
        assert content(run) == "Hello"
    assert flusher.close(10)


def test_news_wait_until_ticks_may_come_again_unless_somebody_cannot_wait(
    flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = list[float]()
    flusher._may_tick_at = float("inf")
    flusher.hear(True)
    assert flusher._is_due()
    flusher._urgent.clear()
    monkeypatch.setattr(flusher._urgent, "wait", waited.append)
    monkeypatch.setattr("workers.flusher.time.monotonic", lambda: 1000.0)
    flusher._may_tick_at = 1000.03
    assert flusher._is_due()
    assert waited == [pytest.approx(0.03)]


@pytest.mark.parametrize(
    ("took_s", "pause_s"), [(0, TICK_S), (0.001, TICK_S), (0.004, 0.08), (0.01, LOOK_S), (1, LOOK_S)]
)
def test_ticks_come_less_often_where_they_take_long(took_s: float, pause_s: float) -> None:
    assert pause_after(took_s) == pytest.approx(pause_s)

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from chat.models import Generation, GenerationChunk, GenerationStatus, WorkerNode, WorkerStatus
from tests.support.factories import make_generation
from tests.support.waiting import wait_until
from workers import heartbeat as beating
from workers.heartbeat import Heartbeat, WorkerState

pytestmark = pytest.mark.django_db(transaction=True)


class Beat:
    """A heartbeat whose surroundings the test decides."""

    def __init__(self) -> None:
        self.is_current = True
        self.looked_after = 0
        self.state = WorkerState(name="w", device="cpu", slots=4, loaded_models=["m"])
        self.heart = Heartbeat(
            self.state, busy=lambda: 3, look_after=self.look_after, is_current=lambda: self.is_current
        )

    def look_after(self) -> None:
        self.looked_after += 1


@pytest.fixture
def beat() -> Beat:
    return Beat()


def test_a_worker_offers_its_models_only_while_it_is_ready(beat: Beat) -> None:
    beat.heart.beat()
    starting = WorkerNode.objects.get(name="w")
    assert (starting.status, starting.loaded_models) == (WorkerStatus.STARTING, [])

    beat.heart.change(WorkerStatus.READY)
    beat.heart.beat()
    ready = WorkerNode.objects.get(name="w")
    assert (ready.status, ready.loaded_models, ready.slots, ready.busy) == (WorkerStatus.READY, ["m"], 4, 3)
    assert ready.heartbeat_at > starting.heartbeat_at
    assert beat.looked_after == 2


def test_it_ends_what_nobody_will_take_but_only_while_its_own_leases_are_safe(beat: Beat) -> None:
    generation = make_generation(
        status=GenerationStatus.RUNNING,
        cancel_requested=True,
        attempt=1,
        lease_until=timezone.now() - timedelta(seconds=60),
    )
    beat.is_current = False
    beat.heart.beat()
    generation.refresh_from_db()
    assert generation.status == GenerationStatus.RUNNING
    beat.is_current = True
    beat.heart.beat()
    generation.refresh_from_db()

    assert generation.status == GenerationStatus.CANCELLED


def test_old_chunks_are_purged_once_a_minute(beat: Beat, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = make_generation(
        status=GenerationStatus.SUCCEEDED, finished_at=timezone.now() - timedelta(days=400)
    )
    GenerationChunk.objects.create(generation=generation, seq=0, attempt=1, text="old")
    beat.heart.beat()
    assert GenerationChunk.objects.exists()
    beat.heart._purged_at -= beating.PURGE_S + 1
    beat.heart.beat()

    assert not GenerationChunk.objects.exists()
    assert Generation.objects.exists()


def test_it_beats_at_once_on_a_change_survives_errors_and_says_goodbye(
    beat: Beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [OperationalError("away"), RuntimeError("a bug")]

    def stumble() -> None:
        beat.looked_after += 1
        if errors:
            raise errors.pop()

    def status() -> str:
        return WorkerNode.objects.filter(name="w").values_list("status", flat=True).first() or ""

    monkeypatch.setattr(beating, "BEAT_S", 0.01)
    monkeypatch.setattr(beat.heart, "_look_after", stumble)
    beat.heart.start()
    wait_until(lambda: status() == WorkerStatus.STARTING, what="a beat after two failures")
    monkeypatch.setattr(beating, "BEAT_S", 60)
    beat.heart.change(WorkerStatus.READY)
    wait_until(lambda: status() == WorkerStatus.READY, what="the change")
    beat.heart.close(10)

    assert status() == WorkerStatus.STOPPED
    assert beat.looked_after > 2

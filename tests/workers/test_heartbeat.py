from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from chat.models import Generation, GenerationChunk, GenerationStatus, WorkerNode, WorkerStatus
from chat.services.workers import heartbeat
from tests.support.factories import make_generation
from tests.support.waiting import wait_until
from workers import heartbeat as beating
from workers.heartbeat import Heartbeat, WorkerNameTakenError, WorkerState

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

    WorkerNode.objects.update(heartbeat_at=starting.heartbeat_at - timedelta(seconds=1))
    beat.heart.change(WorkerStatus.READY)
    beat.heart.beat()
    ready = WorkerNode.objects.get(name="w")
    assert (ready.status, ready.loaded_models, ready.slots, ready.busy) == (WorkerStatus.READY, ["m"], 4, 3)
    assert ready.heartbeat_at >= starting.heartbeat_at
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
    assert status() == WorkerStatus.STARTING, "the name is taken before the first beat"
    wait_until(lambda: beat.looked_after > 2, what="a beat after two failures")
    monkeypatch.setattr(beating, "BEAT_S", 60)
    beat.heart.change(WorkerStatus.READY)
    wait_until(lambda: status() == WorkerStatus.READY, what="the change")
    beat.heart.close(10)

    assert status() == WorkerStatus.STOPPED
    assert beat.looked_after > 2


def elsewhere(process: str, *, seconds_ago: float = 0, status: str = WorkerStatus.READY) -> None:
    heartbeat(name="w", status=status, detail=process, loaded_models=["theirs"])
    WorkerNode.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=seconds_ago))


def test_a_name_that_a_live_worker_has_is_refused_and_that_worker_keeps_its_row(beat: Beat) -> None:
    here = f"{socket.gethostname()} process {os.getppid()}"
    for process in ("another-machine process 1", here):
        elsewhere(process)
        with pytest.raises(WorkerNameTakenError) as caught:
            beat.heart.start()
        beat.heart.close(10)

        assert caught.value.message.startswith(f"There is already a worker named w ({process}): ")
        row = WorkerNode.objects.get(name="w")
        assert (row.status, row.loaded_models) == (WorkerStatus.READY, ["theirs"])


def test_of_two_that_take_a_new_name_at_once_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beating, "_may_run", lambda process: True)
    together = threading.Barrier(2)

    def take() -> bool:
        together.wait(10)
        try:
            Beat().heart._take_name()
        except WorkerNameTakenError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as threads:
        taken = [future.result(30) for future in [threads.submit(take) for _ in range(2)]]
    assert sorted(taken) == [False, True]


def ended_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{socket.gethostname()} process {process.pid}"


@pytest.mark.parametrize(
    ("process", "seconds_ago", "status"),
    [
        ("another-machine process 1", 11, WorkerStatus.READY),
        ("another-machine process 1", 0, WorkerStatus.STOPPED),
        ("ended", 0, WorkerStatus.READY),
        (f"{socket.gethostname()} process {os.getpid()}", 0, WorkerStatus.READY),
    ],
    ids=["silent", "stopped", "killed", "itself"],
)
def test_the_name_of_a_worker_that_is_gone_is_free(
    beat: Beat, process: str, seconds_ago: float, status: str
) -> None:
    process = ended_process() if process == "ended" else process
    elsewhere(process, seconds_ago=seconds_ago, status=status)
    beat.heart.start()
    row = WorkerNode.objects.get(name="w")
    beat.heart.close(10)

    assert row.detail == f"{socket.gethostname()} process {os.getpid()}"

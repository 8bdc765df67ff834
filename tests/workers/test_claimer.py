from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from chat.models import Generation, GenerationStatus, WorkerControl
from chat.services.generations import ClaimedGeneration, tick_control
from tests.support.factories import make_generation
from tests.support.waiting import wait_until
from workers import claimer as claiming
from workers.claimer import Claimer

pytestmark = pytest.mark.django_db(transaction=True)


class Slots:
    """Runs claimed generations until the test lets them go."""

    def __init__(self) -> None:
        self.running: list[ClaimedGeneration] = []
        self.may_claim = True
        self.release = threading.Event()
        self.claimer = Claimer(
            worker="tester", models=lambda: ["paced"], slots=2, run=self.run, may_claim=lambda: self.may_claim
        )

    def run(self, claimed: ClaimedGeneration) -> None:
        self.running.append(claimed)
        assert self.release.wait(20)


@pytest.fixture
def slots() -> Iterator[Slots]:
    slots = Slots()
    yield slots
    slots.release.set()
    slots.claimer.close()
    if slots.claimer._thread.is_alive():
        slots.claimer._thread.join(10)
    # Both slots free again: no thread of this test holds a database connection any more.
    assert all(slots.claimer._free.acquire(timeout=10) for _ in range(2))


def test_without_any_hint_it_claims_what_its_slots_hold(slots: Slots) -> None:
    for _ in range(3):
        make_generation()
    slots.claimer.start()
    wait_until(lambda: len(slots.running) == 2, what="two claims")

    assert not slots.claimer.hint(), "no slot is free"
    assert Generation.objects.filter(status=GenerationStatus.QUEUED).count() == 1
    slots.release.set()
    wait_until(lambda: len(slots.running) == 3, what="the third claim")


def test_a_hint_runs_a_generation_to_its_end(slots: Slots) -> None:
    slots.release.set()
    generation = make_generation()

    assert slots.claimer.hint()
    assert [claimed.id for claimed in slots.running] == [generation.id]
    assert slots.claimer._due.is_set(), "a slot became free: look for more"
    assert slots.claimer.hint()
    assert len(slots.running) == 1, "nothing was left"


def test_its_threads_claim_one_at_a_time_and_none_once_it_is_closed(slots: Slots) -> None:
    for _ in range(2):
        make_generation()
    asked = list[str]()

    def models() -> list[str]:
        asked.append("for models")
        assert slots.release.wait(20)
        return ["paced"]

    def hint_and_hang_up() -> None:
        slots.claimer.hint()
        connection.close()

    slots.claimer._models = models
    hints = [threading.Thread(target=hint_and_hang_up) for _ in range(2)]
    for hint in hints:
        hint.start()
    wait_until(lambda: asked and not slots.claimer._free._value, what="both hints holding a slot")
    slots.claimer.close()
    slots.release.set()
    for hint in hints:
        hint.join(10)

    assert len(slots.running) == 1
    assert asked == ["for models"]


def test_it_takes_only_its_models(slots: Slots) -> None:
    make_generation(model="another")
    slots.claimer.hint()

    assert slots.running == []


def test_it_claims_nothing_when_it_must_not(slots: Slots) -> None:
    make_generation()
    slots.may_claim = False
    slots.claimer.hint()
    slots.may_claim = True
    slots.claimer.close()
    assert not slots.claimer.hint()

    assert Generation.objects.get().status == GenerationStatus.QUEUED


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("a bug")])
def test_an_error_costs_a_claim_but_no_slot(
    slots: Slots, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: object) -> None:
        raise error

    make_generation()
    slots.release.set()
    with monkeypatch.context() as patch:
        patch.setattr(claiming, "claim_generation", fail)
        for _ in range(3):
            slots.claimer.hint()
        assert slots.running == []
    slots.claimer.hint()

    assert len(slots.running) == 1


def test_it_ticks_whether_or_not_it_may_claim_and_survives_a_failing_tick(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [OperationalError("away"), RuntimeError("a bug")]

    def tick() -> bool:
        if errors:
            raise errors.pop()
        return tick_control()

    monkeypatch.setattr(claiming, "tick_control", tick)
    monkeypatch.setattr(claiming, "POLL_S", 0.01)
    slots.may_claim = False
    slots.claimer.start()

    wait_until(WorkerControl.objects.exists, what="a tick")

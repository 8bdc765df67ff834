from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries

from chat.models import Generation, GenerationStatus, WorkerControl
from chat.services.generations import ClaimedGeneration, claim_generations, tick_control
from tests.support.factories import make_generation
from tests.support.waiting import wait_until
from workers import claimer as claiming
from workers.claimer import Claimer

pytestmark = pytest.mark.django_db(transaction=True)


class Slots:
    """Keeps what was begun, and ends it when the test says so."""

    def __init__(self) -> None:
        self.begun: list[UUID] = []
        self.passed_on: list[UUID] = []
        self.may_claim = True
        self.models = ["paced"]
        self.claimer = Claimer(
            worker="tester",
            models=lambda: self.models,
            slots=2,
            begin=lambda claimed: self.begun.append(claimed.id),
            may_claim=lambda: self.may_claim,
            pass_on=self.passed_on.extend,
        )

    def follow(self, *generations: Generation) -> list[UUID]:
        """Hints of these, that the claimer has at once; what it has begun since."""
        before = len(self.begun)
        for generation in generations:
            self.claimer.hint(generation.id)
        self.claimer._follow()
        return self.begun[before:]


@pytest.fixture
def slots() -> Iterator[Slots]:
    slots = Slots()
    yield slots
    slots.claimer.close()
    if slots.claimer._thread.is_alive():
        slots.claimer._thread.join(10)


def test_without_any_hint_it_claims_what_its_slots_hold(slots: Slots) -> None:
    for _ in range(3):
        make_generation()
    slots.claimer.start()
    wait_until(lambda: len(slots.begun) == 2, what="two claims")

    assert Generation.objects.filter(status=GenerationStatus.QUEUED).count() == 1
    slots.claimer.free()
    wait_until(lambda: len(slots.begun) == 3, what="the third claim")
    assert slots.passed_on == []


def test_hints_are_followed_at_once(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "POLL_S", 600.0)
    slots.claimer.start()
    wait_until(WorkerControl.objects.exists, what="the first look and its tick")
    generation = make_generation()
    slots.claimer.hint(generation.id)

    wait_until(lambda: slots.begun == [generation.id], what="the claim")


def test_hints_lead_to_as_many_claims_as_they_are(slots: Slots) -> None:
    turns = [make_generation() for _ in range(3)]

    assert slots.follow(turns[2]) == [turns[0].id], "others got hints of the others, and this one is fairest"
    assert slots.follow(turns[0]) == [turns[1].id]
    slots.claimer.free()
    assert slots.follow(turns[0], turns[1]) == [turns[2].id]
    slots.claimer.free()
    assert slots.follow(turns[0]) == [], "nothing was left"


def test_hints_that_come_together_are_one_claim(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()

    def find(*, worker: str, models: Sequence[str], most: int) -> Iterable[ClaimedGeneration]:
        asked.append(most)
        return claim_generations(worker=worker, models=models, most=most)

    turns = [make_generation() for _ in range(2)]
    monkeypatch.setattr(slots.claimer, "_find", find)
    assert slots.follow(*turns) == [turn.id for turn in turns]
    assert asked == [2]


def test_after_less_than_was_wanted_it_asks_again_for_which_models(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [make_generation(model=model) for model in ("paced", "paced", "other")]
    offers = [["paced", "other"], ["other"]]

    def find_one(*, worker: str, models: Sequence[str], most: int) -> Iterable[ClaimedGeneration]:
        return claim_generations(worker=worker, models=models, most=1)

    monkeypatch.setattr(slots.claimer, "_models", lambda: offers.pop(0))
    monkeypatch.setattr(slots.claimer, "_find", find_one)
    assert slots.follow(*turns[:2]) == [turns[0].id, turns[2].id], "the first model had one seat"


def test_a_hint_whose_row_was_found_already_asks_once(
    slots: Slots, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    turn = make_generation()
    assert slots.follow(turn) == [turn.id]
    with django_assert_num_queries(1):
        assert slots.follow(turn) == []


def test_hints_for_a_full_worker_are_passed_on(slots: Slots) -> None:
    turns = [make_generation() for _ in range(3)]
    slots.follow(*turns)
    assert slots.passed_on == [turn.id for turn in turns], "which of them wait is for the row to say"
    slots.follow(turns[2])
    assert slots.passed_on[3:] == [turns[2].id]


def test_a_hint_that_comes_too_late_is_passed_on(slots: Slots) -> None:
    turn = make_generation()
    slots.claimer.start()
    slots.claimer.close()
    slots.claimer._thread.join(10)
    assert slots.follow(turn) == []
    assert slots.passed_on == [turn.id]


def test_it_takes_only_its_models(slots: Slots) -> None:
    assert slots.follow(make_generation(model="another")) == []


def test_it_claims_nothing_when_it_must_not(slots: Slots) -> None:
    turn = make_generation()
    slots.may_claim = False
    assert slots.follow(turn) == []
    slots.may_claim = True
    slots.claimer.close()
    assert slots.follow(turn) == []
    assert Generation.objects.get().status == GenerationStatus.QUEUED


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("a bug")])
def test_an_error_costs_a_claim_but_no_slot(
    slots: Slots, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: object) -> list[ClaimedGeneration]:
        raise error

    turn = make_generation()
    with monkeypatch.context() as patch:
        patch.setattr(slots.claimer, "_find", fail)
        for _ in range(3):
            assert slots.follow(turn) == []
    assert slots.follow(turn) == [turn.id]


def test_what_cannot_be_begun_costs_no_slot_and_nobody_else(
    slots: Slots, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns = [make_generation() for _ in range(3)]

    def begin(claimed: ClaimedGeneration) -> None:
        if claimed.id == turns[0].id:
            raise RuntimeError("a bug")
        slots.begun.append(claimed.id)

    monkeypatch.setattr(slots.claimer, "_begin", begin)
    assert slots.follow(*turns) == [turns[1].id, turns[2].id]
    assert f"tester cannot begin generation {turns[0].id}" in caplog.messages


def test_a_claim_under_way_is_waited_for(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, may_find = threading.Event(), threading.Event()

    def find(*, worker: str, models: Sequence[str], most: int) -> Iterable[ClaimedGeneration]:
        asked.set()
        assert may_find.wait(10)
        return claim_generations(worker=worker, models=models, most=most)

    turn = make_generation()
    monkeypatch.setattr(slots.claimer, "_find", find)
    slots.claimer.start()
    assert asked.wait(10)
    slots.claimer.close()
    slots.claimer.join(0)
    assert slots.begun == []
    may_find.set()
    slots.claimer.join(10)
    assert slots.begun == [turn.id]


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

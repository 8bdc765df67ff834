"""Handing back: under the fence, and to who has room."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from chat.models import Generation, GenerationStatus, WorkerNode, WorkerStatus
from chat.selectors.routing import Route
from chat.services.generations import (
    MAX_FAULTS,
    claim_generation,
    move_generations,
    pass_on,
    release_generations,
    releasing,
)
from chat.services.workers import heartbeat
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db

Told = list[tuple[UUID, Route]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """The hints that are sent."""
    told: Told = []
    monkeypatch.setattr(releasing, "enqueue_generation", lambda id_, model, route: told.append((id_, route)))
    return told


def offer(**slots: int) -> None:
    for name, count in slots.items():
        heartbeat(name=name, status=WorkerStatus.READY, loaded_models=["paced"], slots=count)


def running_on(worker: str, count: int, **fields: Any) -> list[Generation]:
    rows = [make_generation(**fields) for _ in range(count)]
    for _ in rows:
        assert claim_generation(worker=worker, models=["paced"])
    return rows


def pairs(rows: list[Generation]) -> list[tuple[UUID, int]]:
    return [(row.id, 1) for row in rows]


def test_hints_to_a_full_worker_go_to_those_with_the_most_free_slots(told: Told) -> None:
    offer(full=0, some=1, plenty=2)
    waiting = make_generation(preferred_worker="full")
    pass_on(generation_ids=[waiting.id], worker="full")
    assert told == [(waiting.id, Route(worker="plenty"))]
    assert claim_generation(worker="plenty", models=["paced"]), "nobody is preferred any more"
    pass_on(generation_ids=[waiting.id], worker="full")
    assert len(told) == 1, "it does not wait"


def test_no_more_hints_are_passed_on_than_others_have_room_for(told: Told) -> None:
    offer(full=9, some=1, plenty=2)
    ids = [make_generation().id for _ in range(4)]
    pass_on(generation_ids=ids, worker="full")
    assert [route.worker for _, route in told] == ["plenty", "plenty", "some"]
    assert {id_ for id_, _ in told} < set(ids)
    WorkerNode.objects.update(slots=0)
    pass_on(generation_ids=ids, worker="full")
    assert len(told) == 3, "nobody has room"


def test_release_puts_back_only_what_is_still_held() -> None:
    kept, lost = make_generation(), make_generation()
    for _ in range(2):
        claim_generation(worker="w1", models=["paced"])
    assert release_generations(generations=[(kept.id, 1), (lost.id, 9)]) == [kept.id]
    kept.refresh_from_db()
    lost.refresh_from_db()
    assert (kept.status, kept.worker, kept.lease_until) == (GenerationStatus.QUEUED, "", None)
    assert lost.status == GenerationStatus.RUNNING


def test_what_a_crashed_engine_holds_up_is_shared_out_over_free_slots(told: Told) -> None:
    rows = running_on("crashed", 4)
    offer(crashed=9, one=1, two=2)
    moved = move_generations(worker="crashed", generations=pairs(rows))
    assert [id_ for id_, _ in told] == moved
    assert [route.worker for _, route in told] == ["two", "one", "two"], "as many as others have room for"
    (kept,) = Generation.objects.exclude(id__in=moved)
    assert (kept.status, kept.worker, kept.faults) == (GenerationStatus.RUNNING, "crashed", 0)
    (first,) = Generation.objects.filter(preferred_worker="one")
    assert (first.status, first.faults) == (GenerationStatus.QUEUED, 1)
    Generation.objects.filter(id__in=moved).update(waiting_since=timezone.now() + timedelta(hours=1))
    assert claim_generation(worker="crashed", models=["paced"]) is None, "the others go first"
    claimed = claim_generation(worker="one", models=["paced"])
    assert claimed is not None
    assert (claimed.id, claimed.attempt, claimed.faults) == (first.id, 2, 1)


def test_only_what_is_still_held_moves_and_only_to_somebody(told: Told) -> None:
    kept, lost = running_on("crashed", 2)
    (faulty,) = running_on("crashed", 1, faults=MAX_FAULTS - 1)
    everything = [(kept.id, 1), (lost.id, 9), (faulty.id, 1)]
    offer(crashed=9)
    assert move_generations(worker="crashed", generations=everything) == [], "nobody else is there"
    offer(other=9)
    assert move_generations(worker="crashed", generations=everything) == [kept.id]
    assert [id_ for id_, _ in told] == [kept.id]
    assert set(Generation.objects.exclude(id=kept.id).values_list("worker", flat=True)) == {"crashed"}

"""What waiting people are told is the order in which workers claim."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from chat.models import ChatSession, Generation, GenerationStatus, Priority
from chat.selectors.waiting import QueueLoad, places_in_queue, queue_load
from chat.services.generations import claim_generation
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


def running(session: ChatSession) -> None:
    lease = timezone.now() + timedelta(hours=1)
    make_generation(session, status=GenerationStatus.RUNNING, attempt=1, lease_until=lease)


def claimed_order() -> list[UUID]:
    order = []
    while claimed := claim_generation(worker="w", models=["paced"]):
        order.append(claimed.id)
    return order


@pytest.mark.parametrize("seed", range(5))
def test_places_are_those_of_the_claims(seed: int) -> None:
    rng = random.Random(seed)
    sessions = [make_session() for _ in range(4)]
    for session in sessions:
        for _ in range(rng.randrange(3)):
            running(session)
    for _ in range(12):
        priority = rng.choice([Priority.INTERACTIVE, Priority.INTERACTIVE, Priority.BATCH])
        make_generation(rng.choice(sessions), priority=priority)
    places = places_in_queue(["paced"])
    assert sorted(places, key=lambda id_: places[id_]) == claimed_order()
    assert sorted(places.values()) == list(range(12))


def test_one_slot_goes_round() -> None:
    """Each reply ends before the next is claimed, so nobody runs anything at any claim."""
    many = make_session()
    for _ in range(3):
        make_generation(many)
    claimed = claim_generation(worker="w", models=["paced"])
    few = [make_generation(session) for session in [make_session()] * 2]
    newcomer = make_generation()
    places = places_in_queue(["paced"])
    order = []
    while claimed:
        Generation.objects.filter(id=claimed.id).update(
            status=GenerationStatus.SUCCEEDED, finished_at=timezone.now()
        )
        claimed = claim_generation(worker="w", models=["paced"])
        order += [claimed.id] if claimed else []
    assert order[:2] == [few[0].id, newcomer.id]
    assert sorted(places, key=lambda id_: places[id_]) == order


def test_each_model_has_a_queue_of_its_own() -> None:
    make_generation()
    other = make_generation(model="other")
    assert places_in_queue(["other"]) == {other.id: 0}


def test_the_load_counts_what_is_queued() -> None:
    session = make_session()
    make_generation(session, estimated_tokens=3)
    make_generation(session, estimated_tokens=4)
    running(session)
    assert queue_load("paced") == QueueLoad(requests=2, tokens=7, same_model=2)
    assert queue_load("other").same_model == 0
    Generation.objects.all().delete()
    assert queue_load("paced") == QueueLoad(requests=0, tokens=0, same_model=0)

"""Who is told first: the prefix's holder while it has a free slot, else a device class that has one."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from chat.models import Generation, GenerationStatus, WorkerStatus
from chat.queue import queues_of
from chat.selectors.routing import Route, Seat, choose_route, seats_of
from chat.services.workers import heartbeat, retire_worker
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


def offer(name: str, *, slots: int = 2, device: str = "cpu", models: tuple[str, ...] = ("paced",)) -> None:
    heartbeat(name=name, status=WorkerStatus.READY, device=device, loaded_models=models, slots=slots)


def occupy(worker: str, count: int = 1) -> None:
    for _ in range(count):
        make_generation(status=GenerationStatus.RUNNING, worker=worker, lease_until=timezone.now())


def answered_by(worker: str, **fields: Any) -> Generation:
    return make_generation(
        status=GenerationStatus.SUCCEEDED, worker=worker, finished_at=timezone.now(), **fields
    )


def test_seats_are_counted_from_the_rows_and_the_freest_comes_first(django_assert_num_queries: Any) -> None:
    offer("a", slots=2)
    offer("b", slots=2, device="gpu")
    offer("c", slots=9, models=("other",))
    occupy("a")
    with django_assert_num_queries(1):
        assert seats_of("paced") == [Seat("b", "gpu", 2), Seat("a", "cpu", 1)]


def test_a_device_class_with_a_free_slot_is_told_the_quicker_one_first() -> None:
    assert choose_route("paced") == Route(), "nobody listens"
    offer("a")
    assert choose_route("paced") == Route(device="cpu")
    offer("b", device="gpu", slots=1)
    assert choose_route("paced") == Route(device="gpu")
    occupy("b")
    assert choose_route("paced") == Route(device="cpu")
    occupy("a", 2)
    assert choose_route("paced") == Route(device="gpu"), "all are full: whoever is through first"


def test_the_holder_of_the_prefix_is_told_while_it_has_a_free_slot() -> None:
    session = make_session()
    offer("a")
    offer("b")
    answered_by("b", session=session)
    answered_by("a", session=session)
    answered_by("b", session=session, model="other")
    assert choose_route("paced", session_id=session.id) == Route(worker="a")
    occupy("a", 2)
    assert choose_route("paced", session_id=session.id) == Route(device="cpu"), "full"
    Generation.objects.filter(status=GenerationStatus.RUNNING).delete()
    retire_worker(name="a")
    assert choose_route("paced", session_id=session.id) == Route(device="cpu"), "gone"
    assert choose_route("paced", session_id=make_session().id) == Route(device="cpu"), "a first turn"


def test_a_worker_listens_to_its_own_queue_and_to_its_models() -> None:
    queues = queues_of(worker="w", models=["a", "b"], device="gpu")
    assert queues == ["node.w", "generations.a.gpu", "generations.b.gpu"]

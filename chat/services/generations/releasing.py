"""Handing generations back to the queue, and to whoever has room for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from chat.models import Generation, GenerationStatus
from chat.queue import enqueue_generation
from chat.selectors.routing import Route, choose_route, seats_of
from chat.services.generations.claiming import MAX_FAULTS


def release_generations(*, generations: Sequence[tuple[UUID, int]]) -> list[UUID]:
    """Hand running (id, attempt) pairs back to the queue; returns those that were still the caller's."""
    with transaction.atomic():
        released = _lock_held(generations)
        Generation.objects.filter(id__in=released).update(**back_in_the_queue())
    routes = {model: choose_route(model) for model in set(released.values())}
    for generation_id, model in released.items():
        enqueue_generation(generation_id, model, routes[model])
    return list(released)


def move_generations(*, worker: str, generations: Sequence[tuple[UUID, int]]) -> list[UUID]:
    """Hand running (id, attempt) pairs to others, as many as those have free slots; returns which.

    It counts as a fault. What has too many stays with the worker: only there is it known who may be poison.
    """
    with transaction.atomic():
        held = _lock_held(generations, faults__lt=MAX_FAULTS - 1)
        targets = _share_out(worker, held)
        for generation_id, target in targets.items():
            Generation.objects.filter(id=generation_id).update(
                **back_in_the_queue() | {"preferred_worker": target}, faults=F("faults") + 1
            )
    for generation_id, target in targets.items():
        enqueue_generation(generation_id, held[generation_id], Route(worker=target))
    return list(targets)


def _share_out(worker: str, held: Mapping[UUID, str]) -> dict[UUID, str]:
    """Who else could go on with the generations, by model: whoever has the most free slots, one by one."""
    targets = dict[UUID, str]()
    for model in set(held.values()):
        seats = [seat for seat in seats_of(model) if seat.worker != worker]
        free = sorted((number - seat.free, seat.worker) for seat in seats for number in range(seat.free))
        waiting = [generation_id for generation_id, its_model in held.items() if its_model == model]
        targets |= {generation_id: target for generation_id, (_, target) in zip(waiting, free, strict=False)}
    return targets


def _lock_held(generations: Sequence[tuple[UUID, int]], **conditions: Any) -> dict[UUID, str]:
    """Lock those that are still the caller's; returns their models."""
    attempts = dict(generations)
    running = Generation.objects.select_for_update().filter(
        id__in=attempts, status=GenerationStatus.RUNNING, **conditions
    )
    rows = list(running.order_by("id").values_list("id", "attempt", "model"))
    return {id_: model for id_, attempt, model in rows if attempt == attempts[id_]}


def pass_on(*, generation_ids: Collection[UUID], worker: str) -> None:
    """Hints have come to a worker without a free slot: tell those with the most, as far as there are any."""
    hinted = Generation.objects.filter(id__in=generation_ids, status=GenerationStatus.QUEUED)
    waiting = dict(hinted.values_list("id", "model"))
    if not waiting:
        return
    hinted.filter(preferred_worker=worker).update(preferred_worker="")
    for generation_id, target in _share_out(worker, waiting).items():
        enqueue_generation(generation_id, waiting[generation_id], Route(worker=target))


def release_orphans(*, worker: str) -> int:
    """Put back what an earlier process of the same name left running; returns how many rows.

    Names are unique, so at the start of a process nothing of its name can be alive: no need to wait for the
    leases. It counts as a fault, and the last one is left to its lease and to `settle_abandoned`.
    """
    left = Generation.objects.filter(
        worker=worker, status=GenerationStatus.RUNNING, cancel_requested=False, faults__lt=MAX_FAULTS
    )
    return left.update(**back_in_the_queue(), faults=F("faults") + 1)


def back_in_the_queue() -> dict[str, Any]:
    """The columns of a running row that becomes a waiting one."""
    return {
        "status": GenerationStatus.QUEUED,
        "worker": "",
        "preferred_worker": "",
        "streams_from": "",
        "lease_until": None,
        "waiting_since": Now(),
    }

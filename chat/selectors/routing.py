"""Who is told first that a generation waits: who holds its prefix, else a device class with a free slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from chat.models import Generation, GenerationStatus, LanguageModel, WorkerNode
from chat.selectors.prepared import Prepared
from chat.selectors.workers import live_workers, offered_models

REMOTE = "remote"
DEVICES = ("gpu", "cpu", REMOTE)
"""Device classes, the quicker one first; a remote model has only the last."""


class Seat(NamedTuple):
    """A live worker that offers a model, and how many more generations it could run at once."""

    worker: str
    device: str
    free: int


class Route(NamedTuple):
    """Where a hint goes: to one worker, or to a device class. Neither: no live worker offers the model."""

    worker: str = ""
    device: str = ""


def seats_of(model: str) -> list[Seat]:
    """Who offers a model, the most free slots first. Counted from the rows: heartbeats are seconds old."""
    seats = [
        Seat(name, device, slots - taken)
        for name, device, loaded, slots, taken in _workers.rows()
        if model in loaded
    ]
    return sorted(seats, key=lambda seat: -seat.free)


@Prepared
def _workers() -> QuerySet[WorkerNode, Any]:
    running = (
        Generation.objects.filter(worker=OuterRef("name"), status=GenerationStatus.RUNNING)
        .order_by()
        .values("worker")
        .annotate(count=Count("id"))
        .values("count")
    )
    workers = live_workers().annotate(running=Coalesce(Subquery(running, output_field=IntegerField()), 0))
    return workers.values_list("name", "device", "offered_models", "slots", "running")


def choose_route(model: str, *, session_id: UUID | None = None) -> Route:
    """Where a generation is best run, of this session or any; see `choose_among`."""
    return choose_among(seats_of(model), model, session_id=session_id)


def choose_among(seats: list[Seat], model: str, *, session_id: UUID | None) -> Route:
    """The worker that holds the session's prefix, if it is alive and has a free slot: it need not read the
    conversation again. Else the quickest device class with a free slot.
    """
    holder = prefix_holder(session_id, model) if session_id and len(seats) > 1 else ""
    if any(seat.worker == holder and seat.free > 0 for seat in seats):
        return Route(worker=holder)
    return choose_device(seats)


def choose_device(seats: list[Seat]) -> Route:
    """The quickest device class with a free slot, or without any the quickest that there is."""
    free = {seat.device for seat in seats if seat.free > 0} or {seat.device for seat in seats}
    return Route(device=next((device for device in DEVICES if device in free), ""))


def fallback_for(model: str, options: Mapping[str, Any]) -> str:
    """The first model of a model's fallback chain that a live worker offers, else the model itself."""
    chain = chain_of(model, options)
    offered = set(offered_models()) if chain else set()
    return next((slug for slug in chain if slug in offered), model)


def chain_of(model: str, options: Mapping[str, Any]) -> list[str]:
    """The turn's option `fallback_models`, or what the catalogue links one to the other."""
    named: list[str] | None = options.get("fallback_models")
    return _catalogue_chain(model) if named is None else named


def _catalogue_chain(model: str) -> list[str]:
    links = dict(
        LanguageModel.objects.filter(is_active=True, fallback__is_active=True).values_list(
            "slug", "fallback__slug"
        )
    )
    chain = [model]
    while (following := links.get(chain[-1])) and following not in chain:
        chain.append(following)
    return chain[1:]


def prefix_holder(session_id: UUID, model: str) -> str:
    """The worker that ran the session's latest generation of a model; empty before the first."""
    ran = Generation.objects.filter(session_id=session_id, model=model).exclude(worker="")
    return ran.order_by("-created_at").values_list("worker", flat=True).first() or ""

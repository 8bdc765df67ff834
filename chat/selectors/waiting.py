"""Who waits, in the order in which workers will take them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest, Now

from chat.models import Generation, GenerationStatus
from chat.selectors.prepared import Param, Prepared


@dataclass(frozen=True)
class QueueLoad:
    """How much waits: generations, their prompts' tokens as far as they can be estimated, and how many of the
    generations wait for the same model.
    """

    requests: int
    tokens: int
    same_model: int


@dataclass(frozen=True, order=True)
class Waiting:
    """One queued generation, ordered as within its user's own queue; `turn` is `its_turn`."""

    priority: int
    turn: datetime
    created_at: datetime
    id: UUID
    user_id: UUID


def queue_load(model: str) -> QueueLoad:
    """What waits at present, for whichever model, and for this one."""
    (load,) = _load.rows(model=model)
    return QueueLoad(*load)


@Prepared
def _load() -> QuerySet[Generation, Any]:
    queued = Generation.objects.filter(status=GenerationStatus.QUEUED).order_by()
    together = queued.annotate(together=Value(1)).values("together")
    same_model = Count("id", filter=Q(model=Param("model", Generation, "model")))
    counted = together.annotate(
        requests=Count("id"), tokens=Coalesce(Sum("estimated_tokens"), 0), same_model=same_model
    )
    return counted.values_list("requests", "tokens", "same_model")


def its_turn() -> Case:
    """Since when it is a waiting generation's turn, among users who run as many: since it is there, but not
    before its user's latest reply ended. So where one slot is left, users take it by turns, and who comes new
    does not overtake who waits. What a lost worker ran keeps its place.
    """
    replies = Generation.objects.filter(
        user=OuterRef("user"), started_at__isnull=False, finished_at__isnull=False
    )
    latest = Subquery(replies.order_by("-created_at").values("finished_at")[:1])
    waits = Greatest("created_at", Coalesce(latest, F("created_at")))
    return Case(When(status=GenerationStatus.RUNNING, then=F("created_at")), default=waits)


def places_in_queue(models: Collection[str]) -> dict[UUID, int]:
    """How many queued generations will be claimed before each one, if nothing ends meanwhile; two queries."""
    waiting: dict[str, list[Waiting]] = defaultdict(list)
    queued = Generation.objects.filter(status=GenerationStatus.QUEUED, model__in=models)
    rows = queued.annotate(turn=its_turn()).values_list(
        "model", "priority", "turn", "created_at", "id", "user_id"
    )
    for model, *entry in rows:
        waiting[model].append(Waiting(*entry))
    contested = any(len(rows) > 1 for rows in waiting.values())
    running = _running_by_user() if contested else {}
    return {id_: place for rows in waiting.values() for place, id_ in enumerate(fair_order(rows, running))}


def fair_order(waiting: Collection[Waiting], running: dict[UUID, int]) -> list[UUID]:
    """The order of `claim_generations`: priority, the user with the fewest running, then whose turn it is."""
    queues: dict[UUID, deque[Waiting]] = defaultdict(deque)
    for entry in sorted(waiting):
        queues[entry.user_id].append(entry)
    heads: list[tuple[int, int, Waiting]] = []
    taken = dict(running)

    def advance(user_id: UUID) -> None:
        if queues[user_id]:
            head = queues[user_id].popleft()
            heappush(heads, (head.priority, taken.get(user_id, 0), head))

    for user_id in list(queues):
        advance(user_id)
    order = []
    while heads:
        _, _, head = heappop(heads)
        order.append(head.id)
        taken[head.user_id] = taken.get(head.user_id, 0) + 1
        advance(head.user_id)
    return order


def _running_by_user() -> dict[UUID, int]:
    held = Generation.objects.filter(status=GenerationStatus.RUNNING, lease_until__gt=Now())
    rows = held.order_by().values("user_id")
    return dict(rows.annotate(count=Count("id")).values_list("user_id", "count"))

"""Who waits, in the order in which workers will take them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from uuid import UUID

from django.db.models import Count, Q, Sum

from chat.models import Generation, GenerationStatus


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
    """One queued generation, ordered as within its user's own queue."""

    priority: int
    created_at: datetime
    id: UUID
    user_id: UUID


def queue_load(model: str) -> QueueLoad:
    """What waits at present, for whichever model, and for this one."""
    queued = Generation.objects.filter(status=GenerationStatus.QUEUED)
    load = queued.aggregate(
        requests=Count("id"), tokens=Sum("estimated_tokens"), same_model=Count("id", filter=Q(model=model))
    )
    return QueueLoad(load["requests"], load["tokens"] or 0, load["same_model"])


def places_in_queue(models: Collection[str]) -> dict[UUID, int]:
    """How many queued generations will be claimed before each one, if nothing ends meanwhile; two queries."""
    waiting: dict[str, list[Waiting]] = defaultdict(list)
    queued = Generation.objects.filter(status=GenerationStatus.QUEUED, model__in=models)
    for row in queued.only("model", "priority", "created_at", "user_id"):
        waiting[row.model].append(Waiting(row.priority, row.created_at, row.id, row.user_id))
    contested = any(len(rows) > 1 for rows in waiting.values())
    running = _running_by_user() if contested else {}
    return {id_: place for rows in waiting.values() for place, id_ in enumerate(fair_order(rows, running))}


def fair_order(waiting: Collection[Waiting], running: dict[UUID, int]) -> list[UUID]:
    """The order of `claim_generation`: priority, then the user with the fewest running, then the oldest."""
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
    rows = Generation.objects.filter(status=GenerationStatus.RUNNING).order_by().values("user_id")
    return dict(rows.annotate(count=Count("id")).values_list("user_id", "count"))

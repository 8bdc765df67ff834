"""What is held back, and what the banner says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.models import Banner, Hold, HoldKind
from chat.selectors.prepared import Param, Prepared


def is_held(*, worker: str) -> Exists:
    """The condition, on rows that have a `model`, that this worker may not take them now."""
    ours = Q(kind=HoldKind.WORKER, name=worker)
    theirs = Q(kind=HoldKind.QUEUE, name=OuterRef("model"))
    return Exists(Hold.objects.filter(ours | theirs))


def held_names(kind: HoldKind) -> set[str]:
    """The workers that take nothing new, or the queues of which nothing is taken."""
    return set(Hold.objects.filter(kind=kind).values_list("name", flat=True))


def models_to_take(*, worker: str, models: Iterable[str]) -> list[str]:
    """Those of the models that the worker may take work for now."""
    held = set(_holds.rows(worker=worker))
    if (HoldKind.WORKER, worker) in held:
        return []
    return [model for model in models if (HoldKind.QUEUE, model) not in held]


@Prepared
def _holds() -> QuerySet[Hold, Any]:
    """Those of a worker, and of all queues."""
    ours = Q(kind=HoldKind.WORKER, name=Param("worker", Hold, "name"))
    return Hold.objects.filter(ours | Q(kind=HoldKind.QUEUE)).values_list("kind", "name")


def read_banner() -> str:
    """The banner, or nothing."""
    return Banner.objects.values_list("text", flat=True).first() or ""

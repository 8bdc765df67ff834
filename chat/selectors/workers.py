"""Which workers are alive, and what they offer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, QuerySet, When
from django.db.models.functions import Now

from chat.models import (
    Generation,
    GenerationStatus,
    Hold,
    HoldKind,
    LanguageModel,
    WorkerNode,
    WorkerStatus,
)
from chat.models.catalogue import ENCODERS
from chat.selectors.prepared import Prepared
from chat.wording import in_words
from inference.types.errors import Reason

HEARTBEAT_EXPIRES = timedelta(seconds=10)
LOST = "lost"


def live_workers() -> QuerySet[WorkerNode]:
    """Workers that are ready, not held back, and were heard of within the last ten seconds."""
    held = Hold.objects.filter(kind=HoldKind.WORKER, name=OuterRef("name"))
    return WorkerNode.objects.filter(
        ~Exists(held), status=WorkerStatus.READY, heartbeat_at__gt=Now() - HEARTBEAT_EXPIRES
    ).order_by("name")


def describe_pool() -> str:
    """`ok` where a worker is ready; else `failing` where one cannot load its model, or `none`."""
    if live_workers().exists():
        return "ok"
    heard = WorkerNode.objects.filter(heartbeat_at__gt=Now() - HEARTBEAT_EXPIRES)
    return "failing" if heard.filter(status=WorkerStatus.FAILING).exists() else "none"


@dataclass(frozen=True, kw_only=True)
class WorkerState:
    """A worker as the console shows it. `status` is `lost` when one that did not leave is no longer heard."""

    name: str
    status: str
    device: str
    models: list[str]
    slots: int
    running: int
    capabilities: dict[str, Any]
    figures: dict[str, dict[str, Any]]
    refused_models: dict[str, str]
    detail: str
    started_at: datetime
    heartbeat_at: datetime


def list_workers() -> list[WorkerState]:
    """Every worker that ever registered, by name, with its load as the rows tell it; two queries."""
    heard = Case(When(heartbeat_at__gt=Now() - HEARTBEAT_EXPIRES, then=True), default=False)
    running = Generation.objects.filter(status=GenerationStatus.RUNNING).order_by().values("worker")
    load = dict(running.annotate(count=Count("id")).values_list("worker", "count"))
    return [
        WorkerState(
            name=node.name,
            status=node.status if node.heard or node.status == WorkerStatus.STOPPED else LOST,
            device=node.device,
            models=node.offered_models,
            slots=node.slots,
            running=load.get(node.name, 0),
            capabilities=node.capabilities,
            figures=node.figures,
            refused_models={slug: in_words(why) for slug, why in node.reasons.items()},
            detail=node.detail,
            started_at=node.started_at,
            heartbeat_at=node.heartbeat_at,
        )
        for node in WorkerNode.objects.annotate(heard=heard).order_by("name")
    ]


def offered_models() -> list[str]:
    """Slugs that a live worker serves, sorted: in memory, or loaded when somebody asks for them."""
    return sorted({slug for (slugs,) in _offers.rows() for slug in slugs})


@Prepared
def _offers() -> QuerySet[WorkerNode, Any]:
    return live_workers().order_by().values_list("offered_models")


def available_models() -> dict[str, bool]:
    """Slugs people may choose, sorted: the active catalogue, and what live workers offer beside it.

    Each with whether a live worker serves it.
    """
    catalogue = LanguageModel.objects.filter(is_active=True).values_list("slug", flat=True)
    offered = set(offered_models())
    return {slug: slug in offered for slug in sorted(offered.union(catalogue))}


def is_known_model(slug: str) -> bool:
    """In the active catalogue, or served by a live worker."""
    return LanguageModel.objects.filter(slug=slug, is_active=True).exists() or slug in offered_models()


def is_encoder(slug: str) -> bool:
    """Whether it is a model that writes no replies."""
    return LanguageModel.objects.filter(slug=slug, architecture__in=ENCODERS).exists()


def is_offered(slug: str) -> bool:
    """Whether a live worker serves the model."""
    return slug in offered_models()


def why_not_served(slug: str) -> str | Reason | None:
    """Why a live worker that has the model's file cannot load it; None when one may, or none has it."""
    nodes = list(live_workers())
    if any(slug in node.offered_models for node in nodes):
        return None
    return next((node.reasons[slug] for node in nodes if slug in node.refused_models), None)


def default_model() -> str | None:
    """The catalogue's default; without one the first model of the catalogue, or the first that is loaded."""
    active = LanguageModel.objects.filter(is_active=True).exclude(architecture__in=ENCODERS)
    row = active.order_by("-is_default", "slug").first()
    if row is not None:
        return row.slug
    return next(iter(offered_models()), None)


@dataclass(frozen=True)
class ModelListing:
    """A model and when it came (Unix seconds; 0 for one that only workers know)."""

    slug: str
    created: int


def list_models() -> list[ModelListing]:
    """Every model people may choose, by name, in two queries."""
    rows = LanguageModel.objects.filter(is_active=True).values_list("slug", "created_at")
    created = {slug: int(at.timestamp()) for slug, at in rows}
    return [ModelListing(slug, created.get(slug, 0)) for slug in sorted({*created, *offered_models()})]

"""The state of the whole deployment for monitoring, in a handful of queries however large it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Sum, TextChoices
from django.db.models.functions import Now
from django.utils import timezone

from chat.models import (
    UNFINISHED,
    BatchJob,
    BatchLine,
    Case,
    CaseStatus,
    Chore,
    Generation,
    GenerationStatus,
    LineStatus,
    WorkerNode,
    WorkerStatus,
)
from chat.selectors.routing import DEVICES
from chat.selectors.workers import HEARTBEAT_EXPIRES

NOBODY = "none"
REPLIES_WINDOW = timedelta(minutes=1)
FORGOTTEN = timedelta(hours=1)
"""A worker that has been silent for longer is no longer reported."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What waits for a model, perhaps nothing where it is offered: `device` is the class that is told first,
    `none` where no worker offers it.
    """

    model: str
    device: str
    depth: int
    oldest_s: float


@dataclass(frozen=True, kw_only=True)
class WorkerFigures:
    """One worker: `is_up` when it is ready and was heard, `models` its engines' gauges and totals by slug."""

    name: str
    device: str
    status: str
    is_up: bool
    slots: int
    busy: int
    heartbeat_age_s: float
    models: dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """`replies` counts those that ended within the last minute, by model and status. `chores` are the seconds
    since each last went well, or was begun first.
    """

    queues: list[Queue]
    running: dict[str, int]
    workers: list[WorkerFigures]
    replies: dict[tuple[str, str], int]
    batch_jobs: dict[str, int]
    batch_lines_waiting: int
    batch_lines_running: int
    chores: dict[str, float]
    cases: dict[str, int]


def read_telemetry() -> Telemetry:
    """One reading, in eight queries."""
    now = timezone.now()
    nodes = list(WorkerNode.objects.filter(heartbeat_at__gt=Now() - FORGOTTEN).order_by("name"))
    workers = [_figures(node, now) for node in nodes]
    offers = {
        (slug, node.device)
        for node, worker in zip(nodes, workers, strict=True)
        if worker.is_up
        for slug in node.offered_models
    }
    jobs = BatchJob.objects.filter(status__in=UNFINISHED).values("status")
    counted = list(
        jobs.annotate(count=Count("id"), left=Sum(F("total") - F("completed") - F("failed"))).order_by()
    )
    lines_running = BatchLine.objects.filter(status=LineStatus.RUNNING).count()
    return Telemetry(
        queues=_queues(offers, now),
        running={model: 0 for model, _ in offers} | _running(),
        workers=workers,
        replies=_replies(),
        batch_jobs=_none(UNFINISHED) | {row["status"]: row["count"] for row in counted},
        batch_lines_waiting=max(0, sum(row["left"] for row in counted) - lines_running),
        batch_lines_running=lines_running,
        cases=_cases(),
        chores={
            chore.name: (now - (chore.succeeded_at or chore.begun_at)).total_seconds()
            for chore in Chore.objects.all()
        },
    )


def _figures(node: WorkerNode, now: datetime) -> WorkerFigures:
    age = max(timedelta(), now - node.heartbeat_at)
    return WorkerFigures(
        name=node.name,
        device=node.device,
        status=node.status,
        is_up=node.status == WorkerStatus.READY and age < HEARTBEAT_EXPIRES,
        slots=node.slots,
        busy=node.busy,
        heartbeat_age_s=age.total_seconds(),
        models=node.figures,
    )


def _queues(offers: Iterable[tuple[str, str]], now: datetime) -> list[Queue]:
    devices = set(offers)
    waiting = Generation.objects.filter(status=GenerationStatus.QUEUED).order_by().values_list("model")
    rows = waiting.annotate(depth=Count("id"), since=Min("waiting_since"))
    found = {model: (0, now) for model, _ in devices}
    found |= {model: (depth, since) for model, depth, since in rows}
    return [
        Queue(
            model=model,
            device=next((device for device in DEVICES if (model, device) in devices), NOBODY),
            depth=depth,
            oldest_s=max(0.0, (now - since).total_seconds()),
        )
        for model, (depth, since) in sorted(found.items())
    ]


def _running() -> dict[str, int]:
    rows = Generation.objects.filter(status=GenerationStatus.RUNNING).order_by().values("model")
    return dict(rows.annotate(count=Count("id")).values_list("model", "count"))


def _replies() -> dict[tuple[str, str], int]:
    ended = Generation.objects.filter(finished_at__gt=Now() - REPLIES_WINDOW).order_by()
    rows = ended.values("model", "status").annotate(count=Count("id"))
    return {(row["model"], row["status"]): row["count"] for row in rows}


def _cases() -> dict[str, int]:
    rows = Case.objects.exclude(status=CaseStatus.DECIDED).order_by().values("status")
    counted = dict(rows.annotate(count=Count("id")).values_list("status", "count"))
    return _none((CaseStatus.OPEN, CaseStatus.CLAIMED)) | counted


def _none(statuses: Iterable[TextChoices]) -> dict[str, int]:
    """Each with 0, so that its series does not come and go."""
    return {status.value: 0 for status in statuses}

"""Taking lines under a lease, in fair shares, and putting them back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Q, QuerySet
from django.db.models.functions import Now

from chat.models import BatchJob, BatchLine, BatchPriority, BatchStatus, LineStatus, WorkerControl, suspended
from chat.selectors.operating import models_to_take
from chat.selectors.prepared import Prepared, read_as
from chat.selectors.workers import live_workers
from chat.services.batches.settling import LineError, LineResult, settle_lines
from chat.services.generations.claiming import MAX_FAULTS
from chat.services.generations.leases import TAKEOVERS_HELD, database_time

logger = logging.getLogger(__name__)

LINE_LEASE = timedelta(seconds=10)
"""Renewed by every checkpoint: a few may be missed."""

JOB_FIELDS = (
    *("id", "user_id", "endpoint", "model", "priority", "max_running"),
    *("total", "completed", "failed", "created_at", "expires_at"),
)
CLAIMED_FIELDS = ("attempt", "body", "model_digest", "faults", "choices")

EXPIRED = Q(lease_until__lt=Now()) & Q(~Exists(WorkerControl.objects.filter(TAKEOVERS_HELD)))
"""Of a running line: its worker was lost, and not the database."""

MAX_JOBS = 1000
"""Of which lines are chosen: the most urgent and oldest."""

EXHAUSTED = LineError(
    code="attempts_exhausted",
    message="This request could not be finished: its workers stopped several times.",
)


@dataclass(frozen=True, kw_only=True)
class ClaimedLine:
    """What a worker needs for one attempt. `checkpoint` is what earlier ones said on `model_digest`."""

    id: int
    attempt: int
    job_id: UUID
    endpoint: str
    model: str
    body: str
    model_digest: str
    faults: int
    checkpoint: list[dict[str, Any]]
    expires_at: datetime | None


@dataclass(eq=False)
class Share:
    """What one job may still get, and whose it is."""

    job: BatchJob
    room: int
    granted: int = 0


def claim_lines(*, worker: str, models: Sequence[str], count: int) -> list[ClaimedLine]:
    """Claim up to `count` lines of the active jobs for these models.

    Urgent jobs first; then each line goes to the user with the fewest running ones, and of a user's jobs to
    the one with the highest priority, then the oldest. A job's cap holds for all workers together. Lines of a
    job come by prompt prefix.
    """
    claimed: list[ClaimedLine] = []
    if not _open_jobs.rows(tuple(models)):
        return claimed
    for share in _share(models_to_take(worker=worker, models=models), count):
        claimed += _claim(worker, share)
    return claimed


def release_lines(*, lines: Sequence[tuple[int, int]], count_fault: bool = False) -> list[int]:
    """Put running (id, attempt) pairs back; returns those that were still the caller's."""
    faults = F("faults") + 1 if count_fault else F("faults")
    with transaction.atomic():
        return [
            line_id
            for line_id, attempt in sorted(lines)
            if BatchLine.objects.filter(id=line_id, attempt=attempt, status=LineStatus.RUNNING).update(
                status=LineStatus.PENDING, worker="", lease_until=None, faults=faults
            )
        ]


def move_lines(*, worker: str, lines: Sequence[tuple[int, int]]) -> list[int]:
    """Put (id, attempt) pairs back whose engine has crashed, where another worker has their model; returns
    which. It counts as a fault, and who has too many stays, as `move_generations` has it.
    """
    others = live_workers().exclude(name=worker).values_list("offered_models", flat=True)
    elsewhere = {model for models in others for model in models}
    movable = BatchLine.objects.filter(
        id__in=dict(lines), job__model__in=elsewhere, faults__lt=MAX_FAULTS - 1
    )
    moving = set(movable.values_list("id", flat=True))
    return release_lines(lines=[pair for pair in lines if pair[0] in moving], count_fault=True)


def release_orphan_lines(*, worker: str) -> int:
    """At a worker's start: put back what an earlier process of its name was running; returns how many."""
    return _put_back(Q(worker=worker))


def release_expired_lines() -> int:
    """Put back lines whose worker was lost, and end those that lose their workers again and again."""
    if not _lost.rows():
        return 0
    worn_out = BatchLine.objects.filter(EXPIRED, status=LineStatus.RUNNING, faults__gte=MAX_FAULTS)
    results = [
        LineResult(line_id=line_id, attempt=attempt, error=EXHAUSTED)
        for line_id, attempt in worn_out.values_list("id", "attempt")[:100]
    ]
    settle_lines(results=results)
    return _put_back(EXPIRED)


@Prepared
def _lost() -> QuerySet[BatchLine, Any]:
    """One of them: mostly there is none."""
    return BatchLine.objects.filter(EXPIRED, status=LineStatus.RUNNING).values_list("id")[:1]


def _put_back(lost: Q) -> int:
    return BatchLine.objects.filter(lost, status=LineStatus.RUNNING, faults__lt=MAX_FAULTS).update(
        status=LineStatus.PENDING, worker="", lease_until=None, faults=F("faults") + 1
    )


def _share(models: Sequence[str], count: int) -> list[Share]:
    """How many lines each job gets now."""
    by_job, by_user = Counter[UUID](), Counter[UUID]()
    for job_id, user_id, number in _running.rows():
        by_job[job_id] += number
        by_user[user_id] += number
    shares = [Share(job, _room(job, by_job[job.id])) for job in _active_jobs(models)]
    for _ in range(count):
        open_shares = [share for share in shares if share.granted < share.room]
        if not open_shares:
            break
        chosen = min(open_shares, key=lambda share: _turn(share.job, by_user))
        chosen.granted += 1
        by_user[chosen.job.user_id] += 1
    return [share for share in shares if share.granted]


@Prepared
def _running() -> QuerySet[BatchLine, Any]:
    """How many lines of each job and user run."""
    running = BatchLine.objects.filter(status=LineStatus.RUNNING).order_by()
    return running.values_list("job_id", "job__user_id").annotate(Count("id"))


def _within_cap(share: Share) -> int:
    """How much of the share the job's cap leaves. Its row is locked, so that two workers do not both count
    before either has taken.
    """
    if share.job.max_running is None:
        return share.granted
    locked = BatchJob.objects.select_for_update().filter(id=share.job.id).only("max_running").first()
    running = BatchLine.objects.filter(job=share.job, status=LineStatus.RUNNING).count()
    cap = locked.max_running if locked is not None else 0
    return share.granted if cap is None else max(0, min(share.granted, cap - running))


def _turn(job: BatchJob, by_user: Counter[UUID]) -> tuple[bool, int, int, datetime]:
    return (job.priority != BatchPriority.URGENT, by_user[job.user_id], -job.priority, job.created_at)


def _room(job: BatchJob, running: int) -> int:
    left = job.total - job.ended - running
    return left if job.max_running is None else min(left, job.max_running - running)


def _active_jobs(models: Sequence[str]) -> list[BatchJob]:
    return [read_as(BatchJob, JOB_FIELDS, row) for row in _active.rows(tuple(models))]


@Prepared
def _active(models: tuple[str, ...]) -> QuerySet[BatchJob, Any]:
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    jobs = _unended(models).filter(lasting, ~suspended("user__"))
    return jobs.order_by("-priority", "created_at").values_list(*JOB_FIELDS)[:MAX_JOBS]


@Prepared
def _open_jobs(models: tuple[str, ...]) -> QuerySet[BatchJob, Any]:
    """One that may have lines: workers look once a second, mostly for nothing."""
    return _unended(models).values_list("id")[:1]


def _unended(models: tuple[str, ...]) -> QuerySet[BatchJob]:
    return BatchJob.objects.filter(
        status=BatchStatus.IN_PROGRESS,
        is_paused=False,
        model__in=models,
        total__gt=F("completed") + F("failed"),
    )


def _claim(worker: str, share: Share) -> list[ClaimedLine]:
    """Lines of one job; those that another worker is just taking are skipped."""
    job = share.job
    with transaction.atomic():
        pending = BatchLine.objects.filter(job=job, status=LineStatus.PENDING).only(*CLAIMED_FIELDS)
        unlocked = pending.order_by("prefix", "number").select_for_update(skip_locked=True)
        lines = list(unlocked[: _within_cap(share)])
        BatchLine.objects.filter(id__in=[line.id for line in lines]).update(
            attempt=F("attempt") + 1,
            status=LineStatus.RUNNING,
            worker=worker,
            lease_until=database_time(LINE_LEASE),
        )
    return [
        ClaimedLine(
            id=line.id,
            attempt=line.attempt + 1,
            job_id=job.id,
            endpoint=job.endpoint,
            model=job.model,
            body=line.body,
            model_digest=line.model_digest,
            faults=line.faults,
            checkpoint=line.choices,
            expires_at=job.expires_at,
        )
        for line in lines
    ]

"""Batch jobs and how they are doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from chat.models import EMBEDDINGS, BatchJob, BatchLine, BatchStatus, LineStatus, User
from chat.selectors.files import Page, page_of

PACE_WINDOW = timedelta(seconds=30)
PACE_LINES = 1000
PREVIEW_LINES = 20
PIECE_OF_TEXTS, PIECE_OF_VECTORS = 500, 10
LONGEST_S = 1e9


@dataclass(frozen=True, kw_only=True)
class ErrorKind:
    """How many lines failed for one reason, and one of the sentences."""

    code: str
    message: str
    lines: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A job in figures. Rates are over the last half minute, or where that had more, the last thousand lines;
    `ends_at` is None while nothing moves.
    """

    total: int
    ended: int
    completed: int
    failed: int
    running: int
    tokens_per_second: float
    lines_per_second: float
    ends_at: datetime | None


def may_manage(user: User) -> bool:
    """Whether somebody may see and steer everybody's jobs. What these say stays their owners'."""
    return user.has_perm("chat.manage_batches")


def find_batch(*, user: User, job_id: UUID) -> BatchJob | None:
    """A job of the user's, or for who manages them anybody's."""
    job = BatchJob.objects.select_related("user", "input_file", "output_file", "error_file")
    found = job.filter(id=job_id, purpose="").first()
    is_theirs = found is not None and (found.user_id == user.id or may_manage(user))
    return found if is_theirs else None


def list_batches(
    *, user: User, limit: int, after: UUID | None = None, everybodys: bool = False
) -> Page[BatchJob]:
    """The user's jobs behind `after`, newest first; who manages them may see everybody's."""
    jobs = BatchJob.objects.filter(purpose="").select_related("user", "input_file")
    if not (everybodys and may_manage(user)):
        jobs = jobs.filter(user=user)
    return page_of(jobs, limit=limit, after=after)


def measure_progress(job: BatchJob) -> Progress:
    """How far a job is and how fast it goes."""
    lines_per_second, tokens_per_second, running = 0.0, 0.0, 0
    if job.status == BatchStatus.IN_PROGRESS:
        lines_per_second, tokens_per_second = _pace(job)
        running = BatchLine.objects.filter(job=job, status=LineStatus.RUNNING).count()
    return Progress(
        total=job.total,
        ended=job.ended,
        completed=job.completed,
        failed=job.failed,
        running=running,
        tokens_per_second=tokens_per_second,
        lines_per_second=lines_per_second,
        ends_at=_end(job.total - job.ended, lines_per_second),
    )


def count_errors(job: BatchJob) -> list[ErrorKind]:
    """Failed lines by their reasons, most first."""
    if not job.failed:
        return []
    failed = BatchLine.objects.filter(job=job, status=LineStatus.FAILED).order_by()
    kinds = list(failed.values("error_code").annotate(lines=Count("*"), example=Min("id")))
    examples = failed.only("error_message", "error_reason").in_bulk([kind["example"] for kind in kinds])
    return [
        ErrorKind(code=kind["error_code"], message=examples[kind["example"]].shown_error, lines=kind["lines"])
        for kind in sorted(kinds, key=lambda kind: -kind["lines"])
        if kind["example"] in examples
    ]


def latest_results(job: BatchJob) -> Sequence[BatchLine]:
    """Lines that ended last. Vectors are nothing to look at, and large."""
    if job.endpoint == EMBEDDINGS:
        return []
    ended = Q(status__in=(LineStatus.SUCCEEDED, LineStatus.FAILED))
    lines = BatchLine.objects.filter(ended, job=job, finished_at__isnull=False)
    return list(lines.order_by("-finished_at").defer("body")[:PREVIEW_LINES])


def _end(left: int, lines_per_second: float) -> datetime | None:
    if not lines_per_second:
        return None
    return timezone.now() + timedelta(seconds=min(left / lines_per_second, LONGEST_S))


def _pace(job: BatchJob) -> tuple[float, float]:
    """Lines and tokens a second. A job that began a moment ago is measured since then."""
    now = timezone.now()
    since = max(now - PACE_WINDOW, job.in_progress_at or now - PACE_WINDOW)
    latest = BatchLine.objects.filter(job=job, finished_at__gt=since).order_by("-finished_at")[:PACE_LINES]
    recent = latest.aggregate(lines=Count("id"), tokens=Sum("completion_tokens"), first=Min("finished_at"))
    if recent["lines"] == PACE_LINES:
        since = recent["first"]
    seconds = max(1.0, (now - since).total_seconds())
    return recent["lines"] / seconds, (recent["tokens"] or 0) / seconds


def lines_behind(job: BatchJob, line_id: int) -> list[BatchLine]:
    """The next lines of a job, in the order of its file, without their requests: as many as fit in memory."""
    limit = PIECE_OF_VECTORS if job.endpoint == EMBEDDINGS else PIECE_OF_TEXTS
    lines = BatchLine.objects.filter(job=job, id__gt=line_id).order_by("id").defer("body")
    return list(lines[:limit])

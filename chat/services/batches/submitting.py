"""Making a batch job of an uploaded file, and how its owner steers it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from chat.models import (
    EMBEDDINGS,
    UNFINISHED,
    BatchJob,
    BatchLine,
    BatchPriority,
    BatchStatus,
    FilePurpose,
    LineStatus,
    StoredFile,
    User,
)
from chat.selectors.batches import may_manage
from chat.selectors.limits import limits_of
from chat.services.admission import lock_in_good_standing
from chat.services.batches.budgets import exceeded
from chat.services.batches.hints import tell_workers
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound, TooManyRequests
from chat.services.files import read_lifetime
from chat.services.idempotency import digest_key, require_same
from chat.services.limits import tokens_left
from chat.services.text import require_pairs
from chat.services.webhooks import check_url

ENDPOINTS = ("/v1/chat/completions", "/v1/completions", EMBEDDINGS)
WINDOW = re.compile(r"(\d{1,4})([mhd])", re.ASCII)
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST_WINDOW = timedelta(days=30)
ENDED_LINES = (LineStatus.FAILED, LineStatus.EXPIRED, LineStatus.CANCELLED)
RETRY_AFTER_S = 60


class Wishes(TypedDict, total=False):
    """What may be said of a new job, by its fields, whose defaults hold for the rest."""

    completion_window: str
    priority: int
    max_running: int | None
    webhook_url: str
    notify_email: bool
    output_expires_after_s: int | None


def create_batch(
    *,
    user: User,
    input_file_id: UUID,
    endpoint: str,
    metadata: dict[str, str] | None = None,
    idempotency_key: str | None = None,
    fingerprint: str = "",
    **wishes: Unpack[Wishes],
) -> BatchJob:
    """A job for a file of requests; it is validated in the background. Raises a `ServiceError`.

    The same `idempotency_key` by the same user is the same job again; with another `fingerprint` (of the
    request) it is a `Conflict`.
    """
    job = BatchJob(user=user, endpoint=endpoint, metadata=metadata or {}, fingerprint=fingerprint, **wishes)
    _check(job)
    job.idempotency_key = key = digest_key(idempotency_key) if idempotency_key else ""
    with transaction.atomic():
        lock_in_good_standing(user)
        earlier = BatchJob.objects.filter(user=user, idempotency_key=key).first() if key else None
        if earlier is not None:
            require_same(known=earlier.fingerprint, fingerprint=fingerprint)
            return earlier
        _admit(user)
        job.input_file = _find_input(user, input_file_id)
        job.expires_at = timezone.now() + read_window(job.completion_window)
        job.save(force_insert=True)
    return job


def _check(job: BatchJob) -> None:
    """What is asked for, whatever the user's budgets are."""
    if job.endpoint not in ENDPOINTS:
        raise InvalidRequest(
            "'endpoint' must be one of %(endpoints)s.",
            field="endpoint",
            values={"endpoints": ", ".join(ENDPOINTS)},
        )
    read_window(job.completion_window)
    read_lifetime(job.output_expires_after_s, field="output_expires_after.seconds")
    require_pairs(job.metadata)
    _check_steering(job)
    if job.priority == BatchPriority.URGENT:
        _require_manager(job.user)
    _check_notices(job.user, job.webhook_url, notify_email=job.notify_email)


def _check_notices(user: User, webhook_url: str, *, notify_email: bool) -> None:
    if webhook_url:
        check_url(webhook_url, field="webhook_url")
    if notify_email and not (user.email and settings.EMAIL_URL):
        message = "Your account has no e-mail address, or this server sends no mail."
        raise InvalidRequest(message, field="notify_email")


def cancel_batch(*, user: User, job_id: UUID) -> BatchJob:
    """Stop a job; what has ended stays in its files. Raises `NotFound` or `Conflict`."""
    with transaction.atomic():
        job = _lock_batch(user=user, job_id=job_id)
        if job.status == BatchStatus.CANCELLING:
            return job
        if job.status not in (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS):
            raise Conflict(
                "A batch with status '%(status)s' cannot be cancelled.",
                field="id",
                values={"status": job.status},
            )
        job.status, job.cancelling_at = BatchStatus.CANCELLING, timezone.now()
        # Whoever validates it is fenced off, and the next clerk may begin at once.
        BatchJob.objects.filter(id=job.id).update(
            status=job.status,
            cancelling_at=job.cancelling_at,
            clerk_attempt=F("clerk_attempt") + 1,
            clerk_until=None,
        )
    return job


def steer_batch(*, user: User, job_id: UUID, **changes: Any) -> BatchJob:
    """Change `is_paused`, `priority` or `max_running`; for owner and managers. Raises a `ServiceError`."""
    with transaction.atomic():
        job = _lock_batch(user=user, job_id=job_id)
        if not job.is_unfinished:
            raise Conflict(
                "A batch with status '%(status)s' cannot be changed.",
                field="id",
                values={"status": job.status},
            )
        if changes.get("priority", job.priority) == BatchPriority.URGENT != job.priority:
            _require_manager(user)
        for name in ("is_paused", "priority", "max_running"):
            setattr(job, name, changes.get(name, getattr(job, name)))
        _check_steering(job)
        job.save(update_fields=["is_paused", "priority", "max_running"])
        tell_workers(job)
    return job


def retry_failed(*, user: User, job_id: UUID) -> BatchJob:
    """Try every line without a result again, in a window as long as the first. Raises a `ServiceError`."""
    with transaction.atomic():
        job = _lock_batch(user=user, job_id=job_id)
        if job.is_unfinished or job.status == BatchStatus.FAILED:
            raise Conflict(
                "A batch with status '%(status)s' cannot be tried again.",
                field="id",
                values={"status": job.status},
            )
        lock_in_good_standing(job.user)
        _admit(job.user)
        failed = BatchLine.objects.filter(job=job, status__in=ENDED_LINES)
        again = failed.update(
            status=LineStatus.PENDING,
            faults=0,
            choices=[],
            error_code="",
            error_message="",
            error_reason=None,
            error_param="",
            finished_at=None,
        )
        if not again:
            raise Conflict("Every line of this batch has a result.", field="id")
        tokens = job.estimated_tokens * again // job.total
        for _, why in exceeded(job=job, lines=again, tokens=tokens):
            raise TooManyRequests(why.sentence, retry_after=RETRY_AFTER_S, values=why.values)
        job.status, job.failed, job.is_paused = BatchStatus.IN_PROGRESS, 0, False
        job.expires_at = timezone.now() + read_window(job.completion_window)
        for name in ("finalizing", "completed", "expired", "cancelling", "cancelled"):
            setattr(job, f"{name}_at", None)
        job.clerk_until = None
        job.save()
        tell_workers(job)
    return job


def delete_batch(*, user: User, job_id: UUID) -> None:
    """Forget a job that has ended, and its lines; its files stay. Raises `NotFound` or `Conflict`."""
    with transaction.atomic():
        job = _lock_batch(user=user, job_id=job_id)
        if job.is_unfinished:
            raise Conflict("Cancel the batch first.", field="id")
        job.delete()


def purge_batches() -> int:
    """Delete jobs that ended longer ago than they are kept; returns how many rows."""
    before = Now() - timedelta(days=settings.BATCH_RETENTION_DAYS)
    old = BatchJob.objects.filter(purpose="", created_at__lt=before).exclude(status__in=UNFINISHED)
    background = BatchLine.objects.filter(finished_at__lt=Now() - timedelta(days=1)).exclude(job__purpose="")
    return background.delete()[0] + old.delete()[0]


def _lock_batch(*, user: User, job_id: UUID) -> BatchJob:
    """The job, locked until the transaction ends; its owner and managers may. Raises `NotFound`."""
    job = BatchJob.objects.select_for_update().filter(id=job_id, purpose="").first()
    if job is None or not (job.user_id == user.id or may_manage(user)):
        raise NotFound("No batch found with id '%(id)s'.", field="id", values={"id": f"batch_{job_id.hex}"})
    return job


def read_window(given: str) -> timedelta:
    """`24h` as a duration; minutes and days are our own. Raises `InvalidRequest`."""
    found = WINDOW.fullmatch(given)
    window = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < window <= LONGEST_WINDOW:
        raise InvalidRequest("'completion_window' must be like 24h, at most 30d.", field="completion_window")
    return window


def _find_input(user: User, file_id: UUID) -> StoredFile:
    file = StoredFile.objects.filter(id=file_id, user=user).first()
    if file is None:
        raise NotFound(
            "No such File object: %(id)s", field="input_file_id", values={"id": f"file-{file_id.hex}"}
        )
    if file.purpose != FilePurpose.BATCH:
        raise InvalidRequest("The input file's purpose must be 'batch'.", field="input_file_id")
    return file


def _admit(user: User) -> None:
    """The user's row is locked."""
    tokens_left(user, limits_of(user))
    limit = settings.MAX_BATCHES_PER_USER
    if BatchJob.objects.filter(user=user, purpose="", status__in=UNFINISHED).count() >= limit:
        raise TooManyRequests(
            "%(limit)s of your batches are unfinished already.",
            retry_after=RETRY_AFTER_S,
            values={"limit": limit},
        )


def _require_manager(user: User) -> None:
    if not may_manage(user):
        raise Forbidden("Only who manages batches may make one urgent.", field="priority")


def _check_steering(job: BatchJob) -> None:
    if job.priority not in BatchPriority.values:
        raise InvalidRequest("'priority' must be from 0 (low) to 3 (urgent).", field="priority")
    if job.max_running is not None and not 1 <= job.max_running <= 10_000:
        raise InvalidRequest("'max_running' must be from 1 to 10000.", field="max_running")

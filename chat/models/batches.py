"""Work that nobody waits for: jobs of many lines, each a request with an attempt and a lease of its own."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from chat.models.failures import Explained
from chat.models.files import StoredFile
from chat.models.sessions import ChatSession
from chat.sealed import SealedJSONField, SealedTextField
from chat.wording import in_words
from inference.types.errors import Reason

EMBEDDINGS = "/v1/embeddings"
"""The endpoint whose lines end in vectors instead of words."""


class BatchStatus(models.TextChoices):
    """In OpenAI's words. A job whose failed lines are tried again goes back to in_progress."""

    VALIDATING = "validating", _("Validating")
    FAILED = "failed", _("Failed")
    IN_PROGRESS = "in_progress", _("In Progress")
    FINALIZING = "finalizing", _("Finalizing")
    COMPLETED = "completed", _("Completed")
    EXPIRED = "expired", _("Expired")
    CANCELLING = "cancelling", _("Cancelling")
    CANCELLED = "cancelled", _("Cancelled")


UNFINISHED = (
    BatchStatus.VALIDATING,
    BatchStatus.IN_PROGRESS,
    BatchStatus.FINALIZING,
    BatchStatus.CANCELLING,
)


class BatchPriority(models.IntegerChoices):
    """Orders the jobs of one user; urgent, which only staff give, goes before everybody's."""

    LOW = 0, _("Low")
    NORMAL = 1, _("Normal")
    HIGH = 2, _("High")
    URGENT = 3, _("Urgent")


class BatchJob(models.Model):
    """A file of requests to one endpoint and one model. `errors` is what validation found, line by line.

    A job with a `purpose` is the server's own, and is in no list: it rests as completed between its lines.
    `clerk_attempt` fences whoever validates or finalises, `clerk_until` is the lease.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="batches")
    purpose = models.CharField(max_length=30, blank=True)
    endpoint = models.CharField(max_length=50)
    model = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=12, choices=BatchStatus, default=BatchStatus.VALIDATING)
    is_paused = models.BooleanField(default=False)
    priority = models.PositiveSmallIntegerField(choices=BatchPriority, default=BatchPriority.NORMAL)
    max_running = models.PositiveIntegerField(null=True, blank=True)
    input_file = models.ForeignKey(StoredFile, on_delete=models.SET_NULL, null=True, related_name="+")
    output_file = models.ForeignKey(
        StoredFile, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    error_file = models.ForeignKey(
        StoredFile, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    completion_window = models.CharField(max_length=20, default="24h")
    output_expires_after_s = models.PositiveIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=64, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    webhook_url = models.CharField(max_length=1000, blank=True)
    notify_email = models.BooleanField(default=False)
    errors = models.JSONField(default=list, blank=True)
    total = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    estimated_tokens = models.PositiveBigIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    clerk_attempt = models.PositiveIntegerField(default=0)
    clerk_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    in_progress_at = models.DateTimeField(null=True, blank=True)
    finalizing_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    cancelling_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at"], name="batch_user_recent"),
            models.Index(fields=["status"], name="batch_unfinished", condition=Q(status__in=UNFINISHED)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=BatchStatus.values), name="batch_status_known"),
            models.CheckConstraint(
                condition=Q(priority__in=BatchPriority.values), name="batch_priority_known"
            ),
            models.CheckConstraint(
                condition=Q(completed__lte=F("total")) & Q(failed__lte=F("total")), name="batch_counts_fit"
            ),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="one_batch_per_key",
            ),
            models.UniqueConstraint(
                fields=["user", "purpose", "model"],
                condition=~Q(purpose=""),
                name="one_background_job_per_purpose",
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.id} ({self.status}, {self.ended} of {self.total})"

    @property
    def is_unfinished(self) -> bool:
        """Still being worked on."""
        return self.status in UNFINISHED

    @property
    def shown_errors(self) -> list[dict[str, Any]]:
        """What validation found, in the reader's language."""
        return [_in_words(**error) for error in self.errors]

    @property
    def ended(self) -> int:
        """How many lines have ended."""
        return self.completed + self.failed


def _in_words(*, message: str, reason: Any = None, **told: Any) -> dict[str, Any]:
    return told | {"message": in_words(msgspec.convert(reason, Reason | None) or message)}


class LineStatus(models.TextChoices):
    """pending -> running -> one of the ends; a drained or lost attempt goes back to pending."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class BatchLine(Explained):
    """One request of a job and what became of it. `attempt` is the fencing token.

    `prefix` sorts lines whose prompts begin alike next to each other. `choices` holds a checkpoint while
    the line is unfinished (`{"token_ids", "text"}` for each choice, of the model with `model_digest`), and
    its results afterwards. An answer that belongs into a conversation has a `session`.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    custom_id = models.CharField(max_length=512)
    prefix = models.CharField(max_length=32, blank=True)
    body = SealedTextField()
    session = models.ForeignKey(
        ChatSession, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=10, choices=LineStatus, default=LineStatus.PENDING)
    attempt = models.PositiveIntegerField(default=0)
    faults = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    model_digest = models.CharField(max_length=64, blank=True)
    choices = SealedJSONField(default=list, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=50, blank=True)
    error_param = models.CharField(max_length=100, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["job", "prefix", "number"], name="line_pending", condition=Q(status="pending")
            ),
            models.Index(fields=["job"], name="line_running", condition=Q(status="running")),
            models.Index(fields=["job", "error_code"], name="line_failed", condition=Q(status="failed")),
            models.Index(
                fields=["job", "finished_at"], name="line_finished", condition=Q(finished_at__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job", "custom_id"], name="one_line_per_custom_id"),
            models.CheckConstraint(condition=Q(status__in=LineStatus.values), name="line_status_known"),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False), name="running_line_has_lease"
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.number} of batch {self.job_id} ({self.status}, attempt {self.attempt})"


class Channel(models.TextChoices):
    """How somebody hears of a job's end."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class BatchNotice(models.Model):
    """Word of a job's end that has to be delivered, tried again until it is or it is given up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="notices")
    channel = models.CharField(max_length=10, choices=Channel)
    target = models.CharField(max_length=1000)
    payload = models.JSONField()
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="notice_due", condition=Q(due_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="notice_channel_known"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.target} about batch {self.job_id}"

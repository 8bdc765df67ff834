"""The durable life of a reply: the generation row is the truth, its chunks what readers have seen."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.failures import Explained
from chat.models.sessions import ChatMessage, ChatSession
from chat.sealed import SealedBinaryField, SealedJSONField, SealedTextField


class GenerationStatus(models.TextChoices):
    """queued -> running -> one of the three ends; a drained or lost attempt goes back or is claimed again."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


ACTIVE = (GenerationStatus.QUEUED, GenerationStatus.RUNNING)


class Priority(models.IntegerChoices):
    """Lower goes first."""

    INTERACTIVE = 0, _("Interactive")
    BATCH = 1, _("Batch")


class Generation(Explained):
    """One reply being made. `attempt` is the fencing token: a write with another attempt changes nothing.

    `prompt_ids` (little-endian uint32), `options` and `model_digest` are frozen at the first claim, with what
    the context policy `dropped` and the window's `context_length`; until then the prompt's length is known
    only as `estimated_tokens`. One that goes on with a reply begins with a chunk of its `kept_tokens`, and
    `request_id` is that of the request to go on.
    `waiting_since` is when it was queued last, and `preferred_worker` who may claim it first then.
    `requested_model` is what was asked for where `model` is a fallback for it.
    For a remote model the conversation itself is frozen, as `prompt_messages`, until the end; `provider` is
    the only one to ask, if any is, and `streams_from` whose stream it holds while it runs. A `kill_reason` is
    a moderator's, who stopped it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="generations")
    message = models.ForeignKey(ChatMessage, on_delete=models.CASCADE, related_name="generations")
    choice = models.PositiveSmallIntegerField(default=0)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="generations")
    model = models.CharField(max_length=100)
    model_digest = models.CharField(max_length=64, blank=True)
    requested_model = models.CharField(max_length=100, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.INTERACTIVE)
    status = models.CharField(max_length=10, choices=GenerationStatus, default=GenerationStatus.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    faults = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    preferred_worker = models.CharField(max_length=100, blank=True)
    waiting_since = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    max_running = models.PositiveIntegerField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    kill_reason = models.CharField(max_length=300, blank=True)
    is_stored = models.BooleanField(default=True)
    options = SealedJSONField(default=dict)
    prompt_ids = SealedBinaryField(null=True, blank=True)
    prompt_messages = SealedJSONField(null=True, blank=True)
    provider = models.CharField(max_length=50, blank=True)
    streams_from = models.CharField(max_length=50, blank=True)
    estimated_tokens = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    dropped = models.JSONField(default=dict, blank=True)
    context_length = models.PositiveIntegerField(default=0)
    kept_tokens = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=100, blank=True)
    completion_tokens = models.PositiveIntegerField(default=0)
    finish_reason = models.CharField(max_length=20, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error_retryable = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    first_token_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["priority", "created_at"], name="generation_queue", condition=Q(status="queued")
            ),
            models.Index(fields=["worker"], name="generation_running", condition=Q(status="running")),
            models.Index(fields=["-created_at"], name="generation_newest"),
            models.Index(fields=["session", "-created_at"], name="generation_session_recent"),
            models.Index(fields=["user", "-created_at"], name="generation_user_recent"),
            models.Index(
                fields=["finished_at"], name="generation_finished", condition=Q(finished_at__isnull=False)
            ),
            models.Index(fields=["finished_at"], name="generation_unstored", condition=Q(is_stored=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "choice"],
                condition=Q(status__in=ACTIVE),
                name="one_active_generation_per_choice",
            ),
            models.CheckConstraint(
                condition=Q(status__in=GenerationStatus.values), name="generation_status_known"
            ),
            models.CheckConstraint(
                condition=Q(priority__in=Priority.values), name="generation_priority_known"
            ),
            models.CheckConstraint(
                condition=Q(prompt_tokens__gte=0, cached_tokens__gte=0, completion_tokens__gte=0),
                name="generation_tokens_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(cached_tokens__lte=F("prompt_tokens")), name="cached_within_prompt"
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False), name="running_has_lease"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ACTIVE) | Q(finished_at__isnull=False), name="ended_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"generation {self.id} ({self.status}, attempt {self.attempt})"

    @property
    def is_active(self) -> bool:
        """Queued or running."""
        return self.status in ACTIVE

    @property
    def is_new(self) -> bool:
        """Queued, and never begun: nothing is written yet."""
        return self.status == GenerationStatus.QUEUED and not (self.attempt or self.kept_tokens)


class GenerationChunk(models.Model):
    """A committed, immutable piece of a reply. `token_ids` (little-endian uint32) may release no text yet.

    `logprobs` has, if they were asked for, an entry for each token that has a text.
    """

    id = models.BigAutoField(primary_key=True)
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="chunks")
    seq = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    text = SealedTextField(blank=True)
    token_ids = SealedBinaryField(default=b"")
    logprobs = SealedJSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["generation", "seq"], name="unique_chunk_seq"),
            models.CheckConstraint(condition=Q(attempt__gte=1), name="chunk_has_attempt"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.seq} of {self.generation_id}"

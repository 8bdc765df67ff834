"""Conversations: sessions, who takes part, and their messages."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.failures import Explained
from chat.sealed import SealedJSONField, SealedTextField

HIDDEN_TEXT = "This message was hidden by a moderator."


class Role(models.TextChoices):
    """Who speaks in a message."""

    SYSTEM = "system", _("System")
    USER = "user", _("User")
    ASSISTANT = "assistant", _("Assistant")
    TOOL = "tool", _("Tool")


class MessageStatus(models.TextChoices):
    """Where a message stands; only an assistant's reply is ever anything but complete."""

    STREAMING = "streaming", _("Streaming")
    COMPLETE = "complete", _("Complete")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class ParticipantRole(models.TextChoices):
    """What a person may do in a session."""

    OWNER = "owner", _("Owner")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class ChatSession(models.Model):
    """One conversation, with the model and settings it uses unless a message says otherwise.

    A model's `summary` knows the first `summarised_messages`. A hidden session holds what a program asked
    through the OpenAI-compatible API, or is temporary, and is in nobody's list. A temporary one is deleted
    when nobody is in it at `temporary_until`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="owned_sessions"
    )
    title = SealedTextField(max_length=200, blank=True)
    llm_provider = models.CharField(max_length=50, default="LOCAL")
    llm_model = models.CharField(max_length=100, blank=True)
    system_prompt = SealedTextField(blank=True)
    chat_template = models.TextField(blank=True)
    settings = models.JSONField(default=dict, blank=True)
    tags = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    summary = SealedTextField(blank=True)
    summarised_messages = models.PositiveIntegerField(default=0)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_hidden = models.BooleanField(default=False)
    temporary_until = models.DateTimeField(null=True, blank=True)
    message_count = models.PositiveIntegerField(default=0)
    token_usage = models.PositiveBigIntegerField(default=0)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-updated_at"], name="session_owner_recent"),
            models.Index(fields=["-created_at"], name="session_newest"),
            models.Index(
                fields=["retention_days"], name="session_retention", condition=Q(retention_days__isnull=False)
            ),
            models.Index(
                fields=["temporary_until"],
                name="session_temporary",
                condition=Q(temporary_until__isnull=False),
            ),
            models.Index(
                fields=["owner", "-updated_at"], name="session_owner_active", condition=Q(is_active=True)
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.id}"

    @property
    def is_temporary(self) -> bool:
        """Whether it is deleted once nobody looks at it."""
        return self.temporary_until is not None

    @property
    def duration(self) -> timedelta:
        """From its beginning to its last change."""
        return self.updated_at - self.created_at


class Participant(models.Model):
    """One person in one session, and where it stands in that person's list. The owner has a row too, so
    that access is one lookup.
    """

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="participations"
    )
    role = models.CharField(max_length=10, choices=ParticipantRole, default=ParticipantRole.MEMBER)
    is_pinned = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    folder = models.CharField(max_length=60, blank=True)
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "user"], name="one_participant_per_user"),
            models.CheckConstraint(
                condition=Q(role__in=ParticipantRole.values), name="participant_role_known"
            ),
            models.UniqueConstraint(
                fields=["session"], condition=Q(role="owner"), name="one_owner_per_session"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.session_id} as {self.role}"


class ChatMessage(Explained):
    """One message. A reply's content is filled when its generation ends; until then its chunks hold the text.
    Of one that was continued the content stays what it was before, until the new end.

    `author` is who sent the message, or who asked for the reply. `request_id` is the client's own id of
    the request that made this message, so that a retry finds it. `reactions` lists who gave which emoji, and
    `attachments` names the files it came with. What a moderator has hidden reads as `HIDDEN_TEXT`.
    `tool_calls` are those that came with an assistant\'s message; a tool\'s message answers `tool_call_id`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replies"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="messages"
    )
    role = models.CharField(max_length=10, choices=Role)
    status = models.CharField(max_length=10, choices=MessageStatus, default=MessageStatus.COMPLETE)
    content = SealedTextField(blank=True)
    request_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001  NULL is "none given"
    llm_provider = models.CharField(max_length=50, blank=True)
    llm_model = models.CharField(max_length=100, blank=True)
    finish_reason = models.CharField(max_length=20, blank=True)
    tokens_used = models.PositiveIntegerField(default=0)
    response_time_ms = models.PositiveIntegerField(null=True, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    tool_calls = SealedJSONField(default=list, blank=True)
    tool_call_id = models.CharField(max_length=100, blank=True)
    reactions = models.JSONField(default=dict, blank=True)
    attachments = models.JSONField(default=list, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["session", "created_at", "id"], name="message_session_order"),
            models.Index(fields=["-created_at", "session"], name="message_newest"),
            models.Index(fields=["session"], name="message_streaming", condition=Q(status="streaming")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["author", "request_id"],
                condition=Q(request_id__isnull=False),
                name="unique_request_per_user",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="message_role_known"),
            models.CheckConstraint(condition=Q(status__in=MessageStatus.values), name="message_status_known"),
            models.CheckConstraint(condition=Q(tokens_used__gte=0), name="message_tokens_not_negative"),
            models.CheckConstraint(
                condition=Q(role="assistant") | Q(status="complete"), name="only_replies_stream"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.id}"

    @property
    def is_hidden(self) -> bool:
        """Whether a moderator has hidden it."""
        return self.hidden_at is not None

    @property
    def shown_content(self) -> str:
        """What anybody may read of it; moderators read `content` in a case."""
        return HIDDEN_TEXT if self.is_hidden else self.content

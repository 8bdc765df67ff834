"""What people do with each other's sessions: invite, react, attach."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from chat.models.sessions import ChatMessage, ChatSession, ParticipantRole


class Invitation(models.Model):
    """A link that makes whoever follows it a participant. Only the digest of its token is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=ParticipantRole, default=ParticipantRole.MEMBER)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitations"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    max_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=["member", "viewer"]), name="invitation_role_known"),
            models.CheckConstraint(condition=Q(uses__lte=F("max_uses")), name="invitation_within_uses"),
        ]

    def __str__(self) -> str:
        return f"invitation to {self.session_id} as {self.role}"


class MessageReaction(models.Model):
    """One person's emoji on one message."""

    message = models.ForeignKey(ChatMessage, on_delete=models.CASCADE, related_name="reaction_rows")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reactions")
    emoji = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "user", "emoji"], name="one_reaction_per_emoji"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} on {self.message_id}"


class SharedLink(models.Model):
    """A link with which anybody may read a session as it was at `until`; without its row there is no page."""

    session = models.OneToOneField(ChatSession, on_delete=models.CASCADE, related_name="shared_link")
    token = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shared_links"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"link to {self.session_id} until {self.until:%Y-%m-%d}"

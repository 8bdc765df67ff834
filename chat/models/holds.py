"""What must be kept although it could be deleted."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from chat.models.sessions import ChatSession


class LegalHold(models.Model):
    """Nothing of a user's, or nothing in a session, may be deleted while this row is there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="legal_holds"
    )
    session = models.ForeignKey(
        ChatSession, on_delete=models.PROTECT, null=True, blank=True, related_name="legal_holds"
    )
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, session__isnull=True)
                | Q(user__isnull=True, session__isnull=False),
                name="hold_on_user_or_session",
            ),
        ]

    def __str__(self) -> str:
        return f"hold on {f'user {self.user_id}' if self.user_id else f'session {self.session_id}'}"

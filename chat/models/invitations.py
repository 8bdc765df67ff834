"""Invitations to have an account here."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class AccountInvitation(models.Model):
    """A link that lets so many people sign up. Only the digest of its token is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    note = models.CharField(max_length=200, blank=True)
    uses_left = models.PositiveIntegerField(default=1)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"invitation {self.note or self.id} ({self.uses_left} left)"

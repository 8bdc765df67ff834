"""What was done, and read with a privilege, in an order that nobody can change afterwards."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from chat.models.sessions import ChatSession

GENESIS = "0" * 64


class AuditEntry(models.Model):
    """One act. Its number has no gaps; its hash covers it and the hash before it.

    People and subjects are ids, not foreign keys: an entry outlives what it is about. Without an actor the
    system itself acted, or somebody at the command line. `details` is JSON as it was hashed, to the letter.
    The database refuses updates and deletions (`chat.audit_guard`).
    """

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor_id = models.UUIDField(null=True, db_index=True)
    actor_name = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=100, db_index=True)
    subject_type = models.CharField(max_length=100, blank=True)
    subject_id = models.CharField(max_length=100, blank=True)
    details = models.TextField(default="{}")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        ordering = ["-number"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="audit_of_subject")]

    def __str__(self) -> str:
        return f"{self.number}: {self.action}"

    @property
    def data(self) -> dict[str, Any]:
        """The details."""
        found: dict[str, Any] = json.loads(self.details)
        return found

    def compute_hash(self) -> str:
        """SHA-256 of what the entry says and of the hash before it."""
        said = [
            *(self.number, self.at.isoformat(), str(self.actor_id or ""), self.actor_name, self.action),
            *(self.subject_type, self.subject_id, self.details, self.previous_hash),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class AuditHead(models.Model):
    """The one row that every act locks: the last entry's number and hash, so that a cut end shows."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"{self.number} entries, {self.hash}"


class PrivateAccess(models.Model):
    """A moderator's leave to read one conversation, for a written reason, until it expires."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["actor", "session", "-expires_at"], name="access_of_actor")]

    def __str__(self) -> str:
        return f"{self.actor_id} may read {self.session_id} until {self.expires_at:%Y-%m-%d %H:%M}"

    @property
    def seconds_left(self) -> float:
        """Until it expires; below zero afterwards."""
        return (self.expires_at - timezone.now()).total_seconds()

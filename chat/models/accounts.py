"""Who may log in, and the keys programs log in with."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

PERMISSIONS: list[tuple[str, str | _StrPromise]] = [
    ("view_moderation", "May see the moderation queue and the live view"),
    ("decide_cases", "May decide cases"),
    ("suspend_users", "May suspend and ban users"),
    ("kill_generations", "May stop anybody's generation"),
    ("drain_workers", "May drain workers and pause queues"),
    ("manage_batches", "May steer anybody's batches, without reading them"),
    ("read_private", "May read private conversations for a written reason"),
    ("bypass_rules", "May ask for replies that content rules do not look at"),
    ("view_audit", "May read the audit log"),
    ("view_analytics", "May see everybody's usage"),
    ("approve_users", "May approve new accounts and invite people"),
]
"""Of the pages beyond Django's own; they hang on the user model because they belong to no table."""


class Theme(models.TextChoices):
    """The colours of the pages."""

    AUTO = "auto", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")
    CONTRAST = "contrast", _("High contrast")


class Suspension(models.TextChoices):
    """How somebody is kept out: for a while, or for good."""

    SUSPENDED = "suspended", _("Suspended")
    BANNED = "banned", _("Banned")


class User(AbstractUser):
    """A person or a service account. `language` is empty where the browser's is to be used.

    A suspension that has run out stays written, and counts no more. `suspension_case` decided it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    language = models.CharField(max_length=10, blank=True)
    theme = models.CharField(max_length=10, choices=Theme, default=Theme.AUTO)
    suspension = models.CharField(max_length=9, choices=Suspension, blank=True)
    suspension_reason = models.CharField(max_length=500, blank=True)
    suspended_until = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    suspension_case = models.ForeignKey(
        "chat.Case", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta(AbstractUser.Meta):
        permissions = PERMISSIONS
        constraints = [
            models.CheckConstraint(
                condition=Q(suspension__in=["", *Suspension.values]), name="suspension_known"
            ),
            models.CheckConstraint(
                condition=~Q(suspension="banned") | Q(suspended_until__isnull=True), name="ban_has_no_end"
            ),
        ]

    @property
    def role(self) -> str:
        """Also the name of the group that gives its permissions."""
        if self.is_superuser:
            return "administrator"
        if self.is_staff:
            return "moderator"
        return "user" if self.is_active else "pending"

    @property
    def own_language(self) -> str:
        """What letters and notices are written in."""
        return self.language or settings.LANGUAGE_CODE

    @property
    def is_suspended(self) -> bool:
        """Suspended or banned at this moment."""
        return bool(self.suspension) and (
            self.suspended_until is None or self.suspended_until > timezone.now()
        )

    @property
    def may_log_in(self) -> bool:
        """Approved, not deactivated and not suspended."""
        return self.is_active and not self.is_suspended


def suspended(user: str = "") -> Q:
    """The condition of being suspended now; `user` is the path to the user, such as `user__`."""
    lasting = Q(**{f"{user}suspended_until__isnull": True}) | Q(**{f"{user}suspended_until__gt": Now()})
    return lasting & ~Q(**{f"{user}suspension": ""})


class ApiKey(models.Model):
    """A bearer key. Only its digest is stored; the prefix finds the row and tells keys apart on a page.

    `scopes` say what it may do, and which rights it has beyond its user's own: see `chat.services.callers`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @property
    def is_valid(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class TokenFamily(models.Model):
    """One login by JWT: the access tokens of one refresh token and of those that followed it.

    Only the refresh token whose id is `current` may be exchanged. `auth_hash` is the user's at the login,
    so that a new password ends it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    auth_hash = models.CharField(max_length=128)
    current = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return f"login of {self.user_id} until {self.expires_at:%Y-%m-%d}"

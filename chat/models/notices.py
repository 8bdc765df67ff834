"""What people are told of decisions, and how they appeal."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from chat.models.cases import Case, Decision, person
from chat.sealed import SealedTextField


class NoticeTemplate(models.Model):
    """The words of the notice that a decision sends, in place of Parley's own.

    `$reason`, `$until` and `$decision` stand for the decision's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    decision = models.CharField(max_length=10, choices=Decision)
    title = models.CharField(max_length=200)
    body = models.TextField()
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ["decision", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__in=Decision.values), name="notice_template_decision_known"
            ),
            models.UniqueConstraint(
                fields=["decision"], condition=Q(is_default=True), name="one_default_template_per_decision"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """What a person is told of a decision. `is_appealable` where it was against them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    case = models.ForeignKey(Case, on_delete=models.SET_NULL, null=True, blank=True, related_name="notices")
    title = models.CharField(max_length=200)
    body = models.TextField()
    is_appealable = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at", "id"], name="notice_user_recent"),
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.title} (to {self.user_id})"


class AppealStatus(models.TextChoices):
    """What a second moderator says of a decision."""

    OPEN = "open", _("Open")
    UPHELD = "upheld", _("the decision stands")
    OVERTURNED = "overturned", _("Overturned")


class Appeal(models.Model):
    """A person's word against a decision, once. Whoever took the decision may not judge it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField(Case, on_delete=models.CASCADE, related_name="appeal")
    appellant = person("appeals")
    words = SealedTextField()
    status = models.CharField(max_length=10, choices=AppealStatus, default=AppealStatus.OPEN)
    version = models.PositiveIntegerField(default=1)
    first_decided_by = person("appealed_decisions")
    decided_by = person("decided_appeals")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at", "id"], name="appeal_queue", condition=Q(status="open")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=AppealStatus.values), name="appeal_status_known"),
            models.CheckConstraint(
                condition=Q(status="open", decided_at__isnull=True)
                | (~Q(status="open") & Q(decided_at__isnull=False)),
                name="decided_appeal_has_time",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True)
                | Q(first_decided_by__isnull=True)
                | ~Q(decided_by=F("first_decided_by")),
                name="appeal_by_a_second_moderator",
            ),
        ]

    def __str__(self) -> str:
        return f"appeal against case {self.case_id}"

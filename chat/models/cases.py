"""Cases: what moderators have to decide, what they decided, and the strikes that follow."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.accounts import User
from chat.models.sessions import ChatMessage, ChatSession
from chat.sealed import SealedTextField


class Severity(models.IntegerChoices):
    """How bad it would be, if it is so."""

    LOW = 1, _("Low")
    MEDIUM = 2, _("Medium")
    HIGH = 3, _("High")
    CRITICAL = 4, _("Critical")


class CaseSource(models.TextChoices):
    """Who opened a case."""

    REPORT = "report", _("A report")
    RULE = "rule", _("A rule")
    CLASSIFIER = "classifier", _("The guard model")
    MODERATOR = "moderator", _("A moderator")


class CaseStatus(models.TextChoices):
    """open <-> claimed -> decided; a decision may be appealed, and stays decided."""

    OPEN = "open", _("Open")
    CLAIMED = "claimed", _("Claimed")
    DECIDED = "decided", _("Decided")


class Decision(models.TextChoices):
    """What a moderator may do about a case."""

    DISMISS = "dismiss", _("Dismiss")
    HIDE = "hide", _("Hide")
    DELETE = "delete", _("Delete")
    WARN = "warn", _("Warn")
    STRIKE = "strike", _("Strike")
    SUSPEND = "suspend", _("Suspend")
    BAN = "ban", _("Ban")


class CaseEventKind(models.TextChoices):
    """What happens to a case."""

    OPENED = "opened", _("Opened")
    REPORTED = "reported", _("Reported")
    CLAIMED = "claimed", _("Claimed")
    RELEASED = "released", _("Released")
    DECIDED = "decided", _("Decided")
    APPEALED = "appealed", _("Appealed")
    APPEAL_DECIDED = "appeal_decided", _("Appeal Decided")


def person(related_name: str) -> models.ForeignKey[User | None, User | None]:
    """Somebody who may delete their account: what they did stays."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name=related_name,
    )


class Case(models.Model):
    """Something for a moderator to decide: one message, or what a person wrote there.

    `subject` is who wrote it, or asked for the reply; `evidence` is what it said when the case was opened.
    Where a moderator keeps somebody out of their own accord there is none: it is decided at once.
    `until` ends a suspension or a strike; `lifted_at` says when a suspension or a ban was taken back.
    `version` counts every change, so that nobody decides on what they have not seen. Of the undecided the
    highest `priority` comes first: see `chat.services.moderation.reports`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(
        ChatMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="cases"
    )
    session = models.ForeignKey(
        ChatSession, on_delete=models.SET_NULL, null=True, blank=True, related_name="cases"
    )
    subject = person("cases")
    source = models.CharField(max_length=10, choices=CaseSource)
    summary = models.CharField(max_length=200, blank=True)
    evidence = SealedTextField(blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MEDIUM)
    priority = models.PositiveIntegerField(default=0)
    report_count = models.PositiveIntegerField(default=0)
    score = models.FloatField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=CaseStatus, default=CaseStatus.OPEN)
    version = models.PositiveIntegerField(default=1)
    assignee = person("claimed_cases")
    claimed_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    reason = models.TextField(blank=True)
    decided_by = person("decided_cases")
    decided_at = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["-priority", "created_at", "id"],
                name="case_queue",
                condition=~Q(status="decided"),
            ),
            models.Index(
                fields=["-decided_at", "id"], name="case_decided_recent", condition=Q(status="decided")
            ),
            models.Index(fields=["subject", "-created_at"], name="case_subject_recent"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["message"], condition=~Q(status="decided"), name="one_open_case_per_message"
            ),
            models.CheckConstraint(condition=Q(status__in=CaseStatus.values), name="case_status_known"),
            models.CheckConstraint(condition=Q(source__in=CaseSource.values), name="case_source_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="case_severity_known"),
            models.CheckConstraint(
                condition=Q(status="decided", decision__in=Decision.values, decided_at__isnull=False)
                | (~Q(status="decided") & Q(decision="", decided_at__isnull=True)),
                name="decided_case_has_decision",
            ),
            models.CheckConstraint(
                condition=~Q(status="claimed") | Q(claimed_at__isnull=False), name="claimed_case_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"case {self.id} ({self.status})"

    @property
    def is_decided(self) -> bool:
        """Whether somebody has decided it."""
        return self.status == CaseStatus.DECIDED


class CaseEvent(models.Model):
    """One line of a case's history. `actor` is nobody where a rule or a classifier acted."""

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events")
    actor = person("case_events")
    kind = models.CharField(max_length=20, choices=CaseEventKind)
    details = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=CaseEventKind.values), name="case_event_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} in case {self.case_id}"


class Strike(models.Model):
    """A mark against a person, until it is taken back or `expires_at`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="strikes")
    case = models.OneToOneField(Case, on_delete=models.CASCADE, related_name="strike")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-created_at"], name="strike_user_recent")]

    def __str__(self) -> str:
        return f"strike against {self.user_id}"

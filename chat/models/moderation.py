"""What moderators decide: reports, the cases they become, and what follows for the people concerned."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from chat.models.accounts import User
from chat.models.sessions import ChatMessage, ChatSession
from chat.sealed import SealedTextField


class Severity(models.IntegerChoices):
    """How bad it would be, if it is so."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class ReportKind(models.TextChoices):
    """What a reader says is wrong with a message."""

    SPAM = "spam"
    HARASSMENT = "harassment"
    HATE = "hate", "hate or discrimination"
    SEXUAL = "sexual", "sexual content"
    VIOLENCE = "violence"
    SELF_HARM = "self_harm", "self-harm"
    PERSONAL_DATA = "personal_data", "somebody's personal data"
    ILLEGAL = "illegal"
    OTHER = "other", "something else"


class CaseSource(models.TextChoices):
    """Who opened a case."""

    REPORT = "report"
    RULE = "rule"
    CLASSIFIER = "classifier"


class CaseStatus(models.TextChoices):
    """open <-> claimed -> decided; a decision may be appealed, and stays decided."""

    OPEN = "open"
    CLAIMED = "claimed"
    DECIDED = "decided"


class Decision(models.TextChoices):
    """What a moderator may do about a case."""

    DISMISS = "dismiss"
    HIDE = "hide"
    DELETE = "delete"
    WARN = "warn"
    STRIKE = "strike"
    SUSPEND = "suspend"
    BAN = "ban"


class ReportOutcome(models.TextChoices):
    """What became of a report."""

    PENDING = "pending"
    UPHELD = "upheld"
    REJECTED = "rejected"


class AppealStatus(models.TextChoices):
    """What a second moderator says of a decision."""

    OPEN = "open"
    UPHELD = "upheld", "the decision stands"
    OVERTURNED = "overturned"


class CaseEventKind(models.TextChoices):
    """What happens to a case."""

    OPENED = "opened"
    REPORTED = "reported"
    CLAIMED = "claimed"
    RELEASED = "released"
    DECIDED = "decided"
    APPEALED = "appealed"
    APPEAL_DECIDED = "appeal_decided"


def _person(related_name: str) -> models.ForeignKey[User | None, User | None]:
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
    subject = _person("cases")
    source = models.CharField(max_length=10, choices=CaseSource)
    summary = models.CharField(max_length=200, blank=True)
    evidence = SealedTextField(blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MEDIUM)
    priority = models.PositiveIntegerField(default=0)
    report_count = models.PositiveIntegerField(default=0)
    score = models.FloatField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=CaseStatus, default=CaseStatus.OPEN)
    version = models.PositiveIntegerField(default=1)
    assignee = _person("claimed_cases")
    claimed_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    reason = models.TextField(blank=True)
    decided_by = _person("decided_cases")
    decided_at = models.DateTimeField(null=True, blank=True)
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


class Report(models.Model):
    """A reader's word that something is wrong with a message. `weight` (0 to 1) is how far the reporter's
    earlier reports were right.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="reports")
    message = models.ForeignKey(
        ChatMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="reports"
    )
    reporter = _person("reports")
    kind = models.CharField(max_length=20, choices=ReportKind)
    words = SealedTextField(blank=True)
    weight = models.FloatField(default=0.5)
    outcome = models.CharField(max_length=10, choices=ReportOutcome, default=ReportOutcome.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["reporter", "outcome"], name="report_reporter_outcome")]
        constraints = [
            models.UniqueConstraint(fields=["message", "reporter"], name="one_report_per_reader"),
            models.CheckConstraint(condition=Q(kind__in=ReportKind.values), name="report_kind_known"),
            models.CheckConstraint(
                condition=Q(outcome__in=ReportOutcome.values), name="report_outcome_known"
            ),
        ]

    def __str__(self) -> str:
        return f"report of {self.message_id} by {self.reporter_id}"


class CaseEvent(models.Model):
    """One line of a case's history. `actor` is nobody where a rule or a classifier acted."""

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events")
    actor = _person("case_events")
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


class Appeal(models.Model):
    """A person's word against a decision, once. Whoever took the decision may not judge it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField(Case, on_delete=models.CASCADE, related_name="appeal")
    appellant = _person("appeals")
    words = SealedTextField()
    status = models.CharField(max_length=10, choices=AppealStatus, default=AppealStatus.OPEN)
    version = models.PositiveIntegerField(default=1)
    first_decided_by = _person("appealed_decisions")
    decided_by = _person("decided_appeals")
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

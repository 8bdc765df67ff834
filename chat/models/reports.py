"""What readers report."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.cases import Case, person
from chat.models.sessions import ChatMessage
from chat.sealed import SealedTextField


class ReportKind(models.TextChoices):
    """What a reader says is wrong with a message."""

    SPAM = "spam", _("Spam")
    HARASSMENT = "harassment", _("Harassment")
    HATE = "hate", _("hate or discrimination")
    SEXUAL = "sexual", _("sexual content")
    VIOLENCE = "violence", _("Violence")
    SELF_HARM = "self_harm", _("self-harm")
    PERSONAL_DATA = "personal_data", _("somebody's personal data")
    ILLEGAL = "illegal", _("Illegal")
    OTHER = "other", _("something else")


class ReportOutcome(models.TextChoices):
    """What became of a report."""

    PENDING = "pending", _("Pending")
    UPHELD = "upheld", _("Upheld")
    REJECTED = "rejected", _("Rejected")


class Report(models.Model):
    """A reader's word that something is wrong with a message. `weight` (0 to 1) is how far the reporter's
    earlier reports were right.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="reports")
    message = models.ForeignKey(
        ChatMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="reports"
    )
    reporter = person("reports")
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

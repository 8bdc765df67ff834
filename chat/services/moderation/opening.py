"""How a case comes about, and how urgent it is."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from chat.models import (
    Case,
    CaseEvent,
    CaseEventKind,
    CaseSource,
    CaseStatus,
    ChatMessage,
    Report,
    ReportOutcome,
    Severity,
    User,
)

PER_SEVERITY = 1000
PER_REPORT = 100
MOST_EVIDENCE = 4000


def open_case(
    *,
    message: ChatMessage,
    source: CaseSource,
    severity: Severity,
    summary: str = "",
    score: float | None = None,
    actor: User | None = None,
) -> Case:
    """The undecided case of a message, opened unless there is one, and at least this severe.

    Within a transaction that has locked the message, so that there is one case at most.
    """
    found = Case.objects.filter(message=message).exclude(status=CaseStatus.DECIDED).first()
    if found is None:
        found = Case.objects.create(
            message=message,
            session_id=message.session_id,
            subject_id=message.author_id,
            source=source,
            severity=severity,
            priority=severity * PER_SEVERITY,
            summary=summary[:200],
            score=score,
            evidence=message.content[:MOST_EVIDENCE],
        )
        note(found, CaseEventKind.OPENED, actor=actor, source=source, summary=summary, score=score)
        return found
    if source != CaseSource.REPORT:  # whoever takes a report notes it
        note(found, CaseEventKind.REPORTED, source=source, summary=summary, score=score)
    worse = max(severity, found.severity)
    Case.objects.filter(id=found.id).update(
        severity=worse,
        priority=F("priority") + (worse - found.severity) * PER_SEVERITY,
        version=F("version") + 1,
        updated_at=timezone.now(),
    )
    found.refresh_from_db()
    return found


def weigh(case: Case) -> None:
    """Priority: severity first, then how many reports there are and how far their writers were right."""
    told = Report.objects.filter(case=case).aggregate(weight=Sum("weight", default=0.0), count=Count("id"))
    urgency = min(PER_SEVERITY - 1, round(PER_REPORT * told["weight"]))
    Case.objects.filter(id=case.id).update(
        severity=case.severity,
        priority=case.severity * PER_SEVERITY + urgency,
        report_count=told["count"],
        version=F("version") + 1,
    )
    case.refresh_from_db()


def accuracy_of(user: User) -> float:
    """How far a reporter was right before: from 0 to 1, one half for somebody unknown."""
    told = Report.objects.filter(reporter=user).aggregate(
        upheld=Count("id", filter=Q(outcome=ReportOutcome.UPHELD)),
        rejected=Count("id", filter=Q(outcome=ReportOutcome.REJECTED)),
    )
    return float((told["upheld"] + 1) / (told["upheld"] + told["rejected"] + 2))


def note(case: Case, kind: CaseEventKind, *, actor: User | None = None, **details: Any) -> None:
    """Add a line to a case's history."""
    CaseEvent.objects.create(case=case, actor=actor, kind=kind, details=details)

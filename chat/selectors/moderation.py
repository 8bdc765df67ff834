"""What moderators look at: the queue, a case with what was said around it, and histories.

Who reads a case is noted by the pages, in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from chat.models import (
    Appeal,
    AppealStatus,
    Case,
    CaseEvent,
    CaseSource,
    CaseStatus,
    ChatMessage,
    Decision,
    Notice,
    Report,
    ReportOutcome,
    Strike,
    User,
)

PAGE_SIZE = 50
MOST_COUNTED = 1000
WINDOW = 3
KEEPING_OUT = (Decision.SUSPEND, Decision.BAN)


@dataclass(frozen=True, kw_only=True)
class CaseFilters:
    """Which cases; without a `status` those that are not decided."""

    status: CaseStatus | None = None
    source: CaseSource | None = None
    severity: int | None = None
    assignee_id: UUID | None = None
    subject_id: UUID | None = None

    def rows(self) -> QuerySet[Case]:
        """In no order."""
        found = Case.objects.all()
        if self.status is None:
            found = found.exclude(status=CaseStatus.DECIDED)
        else:
            found = found.filter(status=self.status)
        chosen = {
            "source": self.source,
            "severity": self.severity,
            "assignee": self.assignee_id,
            "subject": self.subject_id,
        }
        return found.filter(**{name: value for name, value in chosen.items() if value is not None})


@dataclass(frozen=True)
class CasePage:
    """One page of cases; `next_id` is where the next one begins. Counted up to `MOST_COUNTED`."""

    cases: list[Case]
    next_id: UUID | None
    count: int


@dataclass(frozen=True, kw_only=True)
class CaseContext:
    """A case with what a moderator needs to decide it. `window` is the message and what was said around it,
    in the order of writing, as it was written; it is empty where the message is gone. `earlier` were decided
    about the person, `same_message` are the other cases about the message.
    """

    case: Case
    reports: list[Report]
    events: list[CaseEvent]
    window: list[ChatMessage]
    appeal: Appeal | None
    earlier: list[Case]
    same_message: list[Case]
    strikes: int


@dataclass(frozen=True, kw_only=True)
class UserHistory:
    """What has been decided about a person, and how their own reports did, the newest first."""

    cases: list[Case]
    strikes: list[Strike]
    notices: list[Notice]
    reports: dict[str, int]


def list_cases(filters: CaseFilters, *, after_id: UUID | None = None, page_size: int = PAGE_SIZE) -> CasePage:
    """The undecided, the most urgent first, or those decided last; in at most five queries."""
    found = filters.rows().select_related("subject", "assignee", "decided_by", "session")
    last = Case.objects.filter(id=after_id).first() if after_id is not None else None
    if filters.status == CaseStatus.DECIDED:
        rows = _recently_decided(found, last)
    else:
        rows = _most_urgent(found, last)
    cases = list(rows.defer("evidence")[: page_size + 1])
    next_id = cases[page_size - 1].id if len(cases) > page_size else None
    return CasePage(cases[:page_size], next_id, filters.rows()[:MOST_COUNTED].count())


def find_case(case_id: UUID) -> Case | None:
    """A case with the people who have to do with it."""
    people = ("subject", "assignee", "decided_by", "session", "message__author")
    return Case.objects.select_related(*people).filter(id=case_id).first()


def case_context(case: Case, *, window: int = WINDOW) -> CaseContext:
    """Everything beside a case, in nine queries; `window` messages before it and as many after."""
    earlier = Case.objects.filter(subject=case.subject_id, status=CaseStatus.DECIDED).exclude(id=case.id)
    known = case.subject_id is not None
    about = message_history(case.message_id) if case.message_id is not None else []
    return CaseContext(
        case=case,
        reports=list(case.reports.select_related("reporter").order_by("created_at")),
        events=case_history(case),
        window=messages_around(case.message, size=window) if case.message else [],
        appeal=Appeal.objects.select_related("appellant", "decided_by").filter(case=case).first(),
        earlier=list(earlier.select_related("decided_by").order_by("-created_at")[:10]) if known else [],
        same_message=[other for other in about if other.id != case.id],
        strikes=active_strikes(case.subject_id) if case.subject_id is not None else 0,
    )


def messages_around(message: ChatMessage, *, size: int) -> list[ChatMessage]:
    """A message, those written just before it and just after it, in two queries along an index."""
    rows = ChatMessage.objects.select_related("author").filter(session=message.session_id)
    moment, same = message.created_at, Q(created_at=message.created_at)
    before = rows.filter(created_at__lte=moment).exclude(same, id__gt=message.id)
    after = rows.filter(created_at__gte=moment).exclude(same, id__lte=message.id)
    nearest = list(before.order_by("-created_at", "-id")[: size + 1])
    return nearest[::-1] + list(after.order_by("created_at", "id")[:size])


def case_history(case: Case) -> list[CaseEvent]:
    """What happened to a case, the first thing first."""
    return list(case.events.select_related("actor").order_by("created_at", "id"))


def message_history(message_id: UUID) -> list[Case]:
    """Every case about a message, the newest first."""
    people = ("assignee", "decided_by")
    return list(Case.objects.select_related(*people).filter(message=message_id).order_by("-created_at"))


def user_history(user: User, *, limit: int = PAGE_SIZE) -> UserHistory:
    """In four queries."""
    cases = Case.objects.select_related("decided_by").filter(subject=user).order_by("-created_at")
    strikes = Strike.objects.select_related("case").filter(user=user).order_by("-created_at")
    outcomes = Report.objects.filter(reporter=user).values_list("outcome").annotate(count=Count("id"))
    return UserHistory(
        cases=list(cases[:limit]),
        strikes=list(strikes[:limit]),
        notices=list_notices(user, limit=limit),
        reports=dict.fromkeys(ReportOutcome.values, 0) | dict(outcomes.order_by()),
    )


def active_strikes(user_id: UUID) -> int:
    """How many strikes against a person count at present."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return Strike.objects.filter(lasting, user=user_id, revoked_at=None).count()


def list_appeals(*, limit: int = PAGE_SIZE) -> list[Appeal]:
    """Those that nobody has judged, the oldest first."""
    people = ("case__subject", "case__decided_by", "appellant")
    found = Appeal.objects.select_related(*people).filter(status=AppealStatus.OPEN)
    return list(found.order_by("created_at", "id")[:limit])


def list_notices(user: User, *, limit: int = PAGE_SIZE, before: datetime | None = None) -> list[Notice]:
    """A person's notices with their cases and appeals, the newest first, in one query."""
    found = Notice.objects.select_related("case__appeal").filter(user=user)
    if before is not None:
        found = found.filter(created_at__lt=before)
    return list(found.order_by("-created_at", "id")[:limit])


def standing_decisions(user: User) -> QuerySet[Case]:
    """What keeps somebody out: neither over nor taken back. The first lasts longest."""
    lasting = Q(until=None) | Q(until__gt=timezone.now())
    found = Case.objects.filter(lasting, subject=user, decision__in=KEEPING_OUT, lifted_at=None)
    return found.order_by(F("until").desc(nulls_first=True), "-decided_at")


def suspension_notice(user: User) -> Notice | None:
    """What told a person of the decision that keeps them out now; None where no case did."""
    if not user.is_suspended or user.suspension_case_id is None:
        return None
    told = Notice.objects.select_related("case__appeal").filter(user=user, is_appealable=True)
    return told.filter(case=user.suspension_case_id).order_by("-created_at", "id").first()


def count_unread_notices(user: User) -> int:
    """How many notices a person has not read."""
    return Notice.objects.filter(user=user, read_at=None).count()


def _most_urgent(found: QuerySet[Case], last: Case | None) -> QuerySet[Case]:
    if last is not None:
        later = Q(created_at__gt=last.created_at) | Q(created_at=last.created_at, id__gt=last.id)
        below = Q(priority__lt=last.priority) | (Q(priority=last.priority) & later)
        found = found.filter(below)
    return found.order_by("-priority", "created_at", "id")


def _recently_decided(found: QuerySet[Case], last: Case | None) -> QuerySet[Case]:
    if last is not None:
        same = Q(decided_at=last.decided_at, id__gt=last.id)
        found = found.filter(Q(decided_at__lt=last.decided_at) | same)
    return found.order_by("-decided_at", "id")

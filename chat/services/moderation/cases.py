"""Taking cases, giving them back and deciding them.

Every change counts a case's `version` up, in the statement that makes it: of two moderators who decide at
once the database lets one, and tells the other who was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from chat.models import (
    Case,
    CaseEventKind,
    CaseStatus,
    ChatMessage,
    ChatSession,
    Decision,
    NoticeTemplate,
    ReportOutcome,
    User,
)
from chat.selectors.moderation import KEEPING_OUT
from chat.services import audit
from chat.services.accounts.administrators import lock_administrators
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound, ServiceError
from chat.services.moderation.notices import check_words, notify_reporters, notify_subject
from chat.services.moderation.opening import note
from chat.services.moderation.rights import DECIDE, is_own, require_right
from chat.services.moderation.sanctions import apply_decision

MOST_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do about a case, and why. `until` ends a suspension, or lets a strike expire."""

    decision: Decision
    reason: str = ""
    until: datetime | None = None
    template_id: UUID | None = None


@dataclass(frozen=True)
class BulkResult:
    """Which cases were decided, and why others were not, by id."""

    decided: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


def claim_case(*, actor: User, case_id: UUID) -> Case:
    """Take a case, so that other moderators leave it alone; again is harmless.

    Raises `Conflict`, and `Forbidden` where it is about the moderator.
    """
    require_right(actor, DECIDE)
    with transaction.atomic():
        taken = Case.objects.filter(id=case_id, status=CaseStatus.OPEN).update(
            status=CaseStatus.CLAIMED,
            assignee=actor,
            claimed_at=timezone.now(),
            version=F("version") + 1,
            updated_at=timezone.now(),
        )
        case = _find(case_id)
        _require_others(case, actor)
        if not taken and (case.is_decided or case.assignee_id != actor.id):
            raise _taken(case)
        if taken:
            note(case, CaseEventKind.CLAIMED, actor=actor)
    return case


def release_case(*, actor: User, case_id: UUID) -> Case:
    """Give a case back to the queue; whoever may decide cases may do that for a colleague too."""
    require_right(actor, DECIDE)
    with transaction.atomic():
        released = Case.objects.filter(id=case_id, status=CaseStatus.CLAIMED).update(
            status=CaseStatus.OPEN,
            assignee=None,
            claimed_at=None,
            version=F("version") + 1,
            updated_at=timezone.now(),
        )
        case = _find(case_id)
        if case.is_decided:
            raise _taken(case)
        if released:
            note(case, CaseEventKind.RELEASED, actor=actor)
    return case


def decide_case(*, actor: User, case_id: UUID, version: int, verdict: Verdict) -> Case:
    """Decide a case as it was at `version`: act, answer the reports, tell whom it concerns.

    Raises `Conflict` when it has changed since, was decided, or is a colleague's, and `Forbidden` where it is
    about the moderator.
    """
    require_right(actor, DECIDE)
    reason, template = _check(verdict)
    now = timezone.now()
    with transaction.atomic():
        if verdict.decision in KEEPING_OUT:
            lock_administrators()
            _lock_subject(case_id)
        _lock_message(case_id)
        mine = Q(assignee=None) | Q(assignee=actor)
        won = (
            Case.objects.filter(mine, id=case_id, version=version)
            .exclude(status=CaseStatus.DECIDED)
            .update(
                status=CaseStatus.DECIDED,
                decision=verdict.decision,
                reason=reason,
                decided_by=actor,
                decided_at=now,
                until=verdict.until,
                version=F("version") + 1,
                updated_at=now,
            )
        )
        case = _find(case_id)
        if not won:
            raise _taken(case)
        _require_others(case, actor)
        apply_decision(case, actor=actor, until=verdict.until)
        dismissed = verdict.decision == Decision.DISMISS
        case.reports.update(outcome=ReportOutcome.REJECTED if dismissed else ReportOutcome.UPHELD)
        notify_reporters(case)
        notify_subject(case, template=template, until=verdict.until)
        until = verdict.until.isoformat() if verdict.until else None
        told = {"decision": verdict.decision.value, "reason": reason, "until": until}
        note(case, CaseEventKind.DECIDED, actor=actor, **told)
        audit.record(actor=actor, action="case.decided", subject=case, details=told)
    return case


def decide_cases(*, actor: User, cases: Sequence[tuple[UUID, int]], verdict: Verdict) -> BulkResult:
    """The same verdict for many cases, given with their versions. What one refuses does not stop the rest."""
    require_right(actor, DECIDE)
    if len(cases) > MOST_AT_ONCE:
        raise InvalidRequest(
            "At most %(most)s cases can be decided at once.", field="cases", values={"most": MOST_AT_ONCE}
        )
    _check(verdict)
    result = BulkResult()
    for case_id, version in cases:
        try:
            decide_case(actor=actor, case_id=case_id, version=version, verdict=verdict)
            result.decided.append(case_id)
        except ServiceError as error:
            result.refused[case_id] = error.message
    return result


def _check(verdict: Verdict) -> tuple[str, NoticeTemplate | None]:
    reason = check_words(verdict.reason, field="reason")
    if verdict.decision == Decision.SUSPEND and verdict.until is None:
        raise InvalidRequest("until is missing: say when the suspension ends.", field="until")
    if verdict.until is not None and verdict.until <= timezone.now():
        raise InvalidRequest("until must be in the future.", field="until")
    if verdict.decision in KEEPING_OUT and not reason:
        raise InvalidRequest("reason is missing: say why.", field="reason")
    if verdict.template_id is None:
        return reason, None
    template = NoticeTemplate.objects.filter(id=verdict.template_id, decision=verdict.decision).first()
    if template is None:
        raise NotFound("There is no such template for this decision.", field="template_id")
    return reason, template


def _lock_subject(case_id: UUID) -> None:
    """Whoever may be kept out comes before the case, as for whoever lets them in or deletes their account."""
    subject = Case.objects.filter(id=case_id).values("subject")
    User.objects.select_for_update(no_key=True).filter(id__in=subject).first()


def _lock_message(case_id: UUID) -> None:
    """A case's session and message come before itself, as for whoever reports or deletes the message."""
    ChatSession.objects.select_for_update(of=("self",), no_key=True).filter(messages__cases=case_id).first()
    ChatMessage.objects.select_for_update(of=("self",)).filter(cases=case_id).first()


def _find(case_id: UUID) -> Case:
    case = Case.objects.select_related("assignee", "decided_by", "subject").filter(id=case_id).first()
    if case is None:
        raise NotFound("There is no such case.")
    return case


def _require_others(case: Case, actor: User) -> None:
    if is_own(case, actor):
        raise Forbidden("Another moderator has to decide a case about yourself.")


def _taken(case: Case) -> Conflict:
    if case.is_decided:
        who = case.decided_by.username if case.decided_by else "somebody"
        when = f"{case.decided_at:%Y-%m-%d %H:%M} UTC"
        return Conflict(
            "%(who)s has decided this case already (%(decision)s, %(when)s).",
            code="case_decided",
            values={"who": who, "decision": case.decision, "when": when},
        )
    if case.assignee is not None:
        return Conflict(
            "%(who)s has claimed this case.", code="case_claimed", values={"who": case.assignee.username}
        )
    return Conflict("This case has changed meanwhile: look at it again.", code="case_changed")

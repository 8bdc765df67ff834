"""Keeping somebody out without a message behind it: a case that is decided at once, and may be appealed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from chat.models import (
    Case,
    CaseEventKind,
    CaseSource,
    CaseStatus,
    Decision,
    Severity,
    Suspension,
    User,
)
from chat.selectors.moderation import standing_decisions
from chat.services.accounts.administrators import lock_administrators
from chat.services.accounts.suspending import resume_suspension, suspend_user, unsuspend_user
from chat.services.audit import record
from chat.services.errors import Conflict
from chat.services.moderation.notices import check_words, notify_subject
from chat.services.moderation.opening import note

DECISIONS = {Suspension.SUSPENDED: Decision.SUSPEND, Suspension.BANNED: Decision.BAN}


@transaction.atomic
def keep_out(
    *,
    user: User,
    reason: str,
    until: datetime | None = None,
    kind: Suspension = Suspension.SUSPENDED,
    by: User | None = None,
) -> Case:
    """Suspend or ban somebody, tell them, and let them appeal; the audit log tells. None: the shell.

    Raises as `suspend_user` does, or `Conflict` where another moderator was first; the shell replaces it, and
    takes back what would last longer.
    """
    lock_administrators()
    lock_person(user)
    if by is not None and user.is_suspended:
        raise Conflict(
            "%(who)s is suspended already: let them in first.", field="user", values={"who": user.username}
        )
    if until is not None:
        standing_decisions(user).exclude(until__lte=until).update(lifted_at=timezone.now())
    reason = check_words(reason, field="reason")
    case = _decided(user=user, decision=DECISIONS[kind], reason=reason, until=until, by=by)
    suspend_user(user=user, reason=reason, until=until, kind=kind, by=by, case=case)
    told = {"reason": reason, "until": until, "kind": kind.value}
    ends = until.isoformat() if until else None
    note(case, CaseEventKind.DECIDED, actor=by, decision=case.decision, reason=case.reason, until=ends)
    notify_subject(case, template=None, until=until)
    record(actor=by, action="user.suspended", subject=user, details=told)
    return case


@transaction.atomic
def let_in(*, user: User, by: User | None = None) -> None:
    """End whatever keeps somebody out; the audit log tells. Raises `Forbidden` or `Conflict`."""
    lock_person(user)
    if not user.is_suspended:
        raise Conflict("%(who)s is not suspended.", field="user", values={"who": user.username})
    standing_decisions(user).update(lifted_at=timezone.now())
    unsuspend_user(user=user, by=by)
    record(actor=by, action="user.unsuspended", subject=user)


def lift_decision(*, case: Case, user: User, by: User) -> None:
    """Take one decision back, in a transaction: of those that still stand the longest goes on in its place.

    Raises `Forbidden`.
    """
    lock_person(user)
    Case.objects.filter(id=case.id).update(lifted_at=timezone.now())
    if user.suspension_case_id != case.id:  # another one lasts longer
        return
    earlier = standing_decisions(user).select_related("decided_by").first()
    if earlier is None:
        unsuspend_user(user=user, by=by)
    else:
        resume_suspension(user=user, case=earlier, by=by)


def lock_person(user: User) -> None:
    """Of two moderators at once the second sees what the first has done."""
    user.refresh_from_db(from_queryset=User.objects.select_for_update(no_key=True))


def _decided(*, user: User, decision: Decision, reason: str, until: datetime | None, by: User | None) -> Case:
    return Case.objects.create(
        subject=user,
        source=CaseSource.MODERATOR,
        severity=Severity.HIGH,
        status=CaseStatus.DECIDED,
        decision=decision,
        reason=reason,
        decided_by=by,
        decided_at=timezone.now(),
        until=until,
    )

"""What a decision does to the message and to its author, and how that is taken back."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from chat.models import Case, Decision, Strike, Suspension, User
from chat.selectors.moderation import KEEPING_OUT
from chat.services.accounts.suspending import MAX_REASON, suspend_user
from chat.services.errors import Conflict, InvalidRequest
from chat.services.holds import require_case_not_held
from chat.services.moderation.hiding import HIDING, hide_message, remove_message, unhide_message
from chat.services.moderation.keeping_out import lift_decision, lock_person


def apply_decision(case: Case, *, actor: User, until: datetime | None) -> None:
    """Do what was decided, in the transaction that decided it."""
    decision = Decision(case.decision)
    if decision in HIDING and case.message_id is not None:
        hide_message(message_id=case.message_id)
    if decision == Decision.DELETE:
        require_case_not_held(case)
        if case.message_id is not None:
            remove_message(message_id=case.message_id)
        Case.objects.filter(id=case.id).update(evidence="")
    if decision not in (Decision.STRIKE, Decision.SUSPEND, Decision.BAN):
        return
    if case.subject is None:
        raise InvalidRequest("The person concerned is gone: hide or delete the message instead.")
    if decision == Decision.STRIKE:
        Strike.objects.create(user=case.subject, case=case, reason=case.reason, expires_at=until)
    else:
        kind = Suspension.BANNED if decision == Decision.BAN else Suspension.SUSPENDED
        _require_longer(case.subject, until)
        suspend_user(
            user=case.subject,
            reason=case.reason[:MAX_REASON],
            until=until,
            kind=kind,
            by=actor,
            case=case,
        )


def _require_longer(person: User, until: datetime | None) -> None:
    """Raise `Conflict` where an earlier decision keeps somebody out for longer: this would let them in."""
    lock_person(person)
    lasts = person.suspended_until
    if until is not None and person.is_suspended and (lasts is None or lasts > until):
        raise Conflict(
            "%(who)s is kept out for longer already: hide or delete the message instead.",
            values={"who": person.username},
        )


def revoke_decision(case: Case, *, actor: User) -> None:
    """Take back what a decision did. What was deleted stays deleted."""
    kept_out = case.subject if Decision(case.decision) in KEEPING_OUT else None
    if kept_out is not None:
        lock_person(kept_out)  # before the message, as for whoever deletes the account
    if Decision(case.decision) in HIDING and case.message_id is not None:
        unhide_message(message_id=case.message_id)
    if kept_out is not None:
        lift_decision(case=case, user=kept_out, by=actor)
    Strike.objects.filter(case=case, revoked_at=None).update(revoked_at=timezone.now())

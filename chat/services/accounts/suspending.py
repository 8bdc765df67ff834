"""Keeping somebody out: their sockets close and their work stops at once; the end needs no job."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat.models import ACTIVE, BatchJob, BatchStatus, Case, Decision, Generation, Suspension, User
from chat.services.accounts.administrators import require_another_administrator
from chat.services.batches import cancel_batch
from chat.services.errors import Conflict, Forbidden, InvalidRequest
from chat.services.generations import request_cancel
from chat.services.logins import tell_login_changed
from chat.services.text import require_storable

MAX_REASON = 500
CANCELLABLE = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)


@transaction.atomic
def suspend_user(
    *,
    user: User,
    reason: str,
    until: datetime | None = None,
    kind: Suspension = Suspension.SUSPENDED,
    by: User | None = None,
    case: Case | None = None,
) -> None:
    """Keep somebody out until then, or without an end; a second call replaces the first.

    `by` is None for the shell and for rules; `case` is what an appeal is against. Batch jobs rest while their
    owner is suspended; a ban cancels them. Raises `InvalidRequest` or `Forbidden`,
    or `Conflict` for the last administrator.
    """
    _require_authority(by, user)
    require_another_administrator(user)
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON:
        raise InvalidRequest(
            "reason must have 1 to %(most)s characters.", field="reason", values={"most": MAX_REASON}
        )
    require_storable(reason, field="reason", error=InvalidRequest)
    if until is not None and until <= timezone.now():
        raise InvalidRequest("until must be in the future.", field="until")
    if until is not None and kind == Suspension.BANNED:
        raise InvalidRequest("A ban has no end: suspend instead.", field="until")
    _write(user, kind, reason, until, by, case)


def unsuspend_user(*, user: User, by: User | None = None) -> None:
    """Let somebody in again; their paused batch jobs go on. Raises `Forbidden`."""
    _require_authority(by, user)
    _write(user, "", "", None, None, None)


def resume_suspension(*, user: User, case: Case, by: User) -> None:
    """Keep somebody out by an earlier decision, now that a later one is taken back. Raises `Forbidden`."""
    _require_authority(by, user)
    kind = Suspension.BANNED if case.decision == Decision.BAN else Suspension.SUSPENDED
    _write(user, kind, case.reason[:MAX_REASON], case.until, case.decided_by, case)


def _write(
    user: User, kind: str, reason: str, until: datetime | None, by: User | None, case: Case | None
) -> None:
    user.suspension, user.suspension_reason = kind, reason
    user.suspended_until, user.suspended_by, user.suspension_case = until, by, case
    user.suspended_at = timezone.now() if kind else None
    with transaction.atomic():
        user.save(
            update_fields=[
                *("suspension", "suspension_reason", "suspension_case"),
                *("suspended_until", "suspended_by", "suspended_at"),
            ]
        )
        if kind:
            tell_login_changed(user.id)
            transaction.on_commit(partial(_stop_generations, user.id))
        if kind == Suspension.BANNED:
            transaction.on_commit(partial(_cancel_batches, user))


def _require_authority(by: User | None, user: User) -> None:
    if by is None:
        return
    if not by.has_perm("chat.suspend_users"):
        raise Forbidden("You may not suspend people.")
    if by.id == user.id:
        raise Forbidden("You cannot suspend yourself.", field="user")
    if user.is_staff and not by.is_superuser:
        raise Forbidden("Only an administrator may suspend a moderator or an administrator.", field="user")


def _stop_generations(user_id: UUID) -> None:
    """A turn that was admitted just before is seen here: both lock the user's row, see `admit_turn`."""
    for id_ in list(
        Generation.objects.filter(user_id=user_id, status__in=ACTIVE).values_list("id", flat=True)
    ):
        request_cancel(generation_id=id_)


def stop_work(user: User) -> None:
    """Stop all that runs and waits for somebody."""
    _stop_generations(user.id)
    _cancel_batches(user)


def _cancel_batches(user: User) -> None:
    for job in BatchJob.objects.filter(user=user, purpose="", status__in=CANCELLABLE):
        try:
            cancel_batch(user=user, job_id=job.id)
        except Conflict:  # it ended in between
            continue

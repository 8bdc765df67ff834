"""Invitations to have an account: made by who may approve people, used by whoever has the link."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from chat.models import AccountInvitation, User
from chat.services.audit import record
from chat.services.errors import Forbidden, InvalidRequest, NotFound
from chat.services.text import is_storable, require_storable

MOST_USES, MOST_DAYS = 10_000, 365


def invite_people(*, uses: int = 1, days: int = 7, note: str = "", by: User | None = None) -> str:
    """The token of a new invitation, which is not shown again. Raises `InvalidRequest` or `Forbidden`."""
    if by is not None and not by.has_perm("chat.approve_users"):
        raise Forbidden("You may not invite people.")
    if not 1 <= uses <= MOST_USES:
        raise InvalidRequest("uses must be from 1 to %(most)s.", field="uses", values={"most": MOST_USES})
    if not 1 <= days <= MOST_DAYS:
        raise InvalidRequest("days must be from 1 to %(most)s.", field="days", values={"most": MOST_DAYS})
    require_storable(note, field="note", error=InvalidRequest)
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        made = AccountInvitation.objects.create(
            digest=_digest(token),
            note=note[:200],
            uses_left=uses,
            expires_at=timezone.now() + timedelta(days=days),
            created_by=by,
        )
        record(actor=by, action="user.invited", subject=made, details={"uses": uses, "note": note[:200]})
    return token


def find_account_invitation(*, token: str) -> AccountInvitation | None:
    """The invitation, if it can still be used."""
    return _usable(token).first()


def use_account_invitation(*, token: str) -> None:
    """Count one person. Raises `NotFound` if it cannot be used any more."""
    if not _usable(token).update(uses_left=F("uses_left") - 1):
        raise NotFound("This invitation is used up or has run out: ask for another one.")


def _usable(token: str) -> QuerySet[AccountInvitation]:
    digest = _digest(token) if is_storable(token) else ""
    return AccountInvitation.objects.filter(digest=digest, uses_left__gt=0, expires_at__gt=timezone.now())


def _digest(token: str) -> str:
    # The token has 192 random bits, so a plain hash cannot be guessed.
    return hashlib.sha256(token.encode()).hexdigest()

"""Ending a login: of a browser, or of a program with tokens."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.utils import timezone

from chat.models import TokenFamily, User
from chat.selectors.accounts import BROWSER, TOKENS
from chat.services.errors import NotFound
from chat.services.logins import tell_login_changed


def end_device(*, user: User, device_id: str) -> None:
    """End one of the user's own logins, with its sockets. Raises `NotFound`."""
    kind, _, number = device_id.partition("-")
    ended = False
    if kind == BROWSER and number.isdigit():
        for session in UserSession.objects.filter(user=user, pk=int(number)):
            session.end()
            ended = True
    elif kind == TOKENS:
        logins = TokenFamily.objects.filter(user=user, revoked_at=None)
        ended = bool([row for row in logins if row.id.hex == number and _revoke(row)])
    if not ended:
        raise NotFound("There is no such login.")
    tell_login_changed(user.id)


def _revoke(login: TokenFamily) -> bool:
    return bool(TokenFamily.objects.filter(id=login.id, revoked_at=None).update(revoked_at=timezone.now()))

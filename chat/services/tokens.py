"""Logins by JWT: a short-lived access token, and a refresh token that is exchanged for the next pair once.

A refresh token that comes a second time was stolen or copied: the whole login ends, with every token of it.
Access tokens are looked up with their login: a logout, a new password or a suspension ends them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from chat.models import TokenFamily, User
from chat.services.errors import NotLoggedIn
from chat.services.logins import tell_login_changed
from chat.services.standing import (
    explain_failed_login,
    require_confirmed_address,
    require_good_standing,
    require_second_factor,
)
from chat.services.text import is_storable

ALGORITHM = "HS256"
ISSUER = "parley"
ACCESS, REFRESH = "access", "refresh"
USED_AGAIN = "This refresh token was used before, so its login has ended: log in again."


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a login gives; times in seconds."""

    access: str
    refresh: str
    expires_in: int
    refresh_expires_in: int


def log_in(*, username: str, password: str, code: str = "") -> Tokens:
    """Tokens for whoever knows the password, and the second factor's code if there is one.

    Raises `NotLoggedIn`.
    """
    storable = is_storable(username) and is_storable(password)
    user = authenticate(username=username, password=password) if storable else None
    if not isinstance(user, User):
        why = explain_failed_login(username=username, password=password) if storable else ""
        raise NotLoggedIn(why or "The username or the password is wrong.")
    require_confirmed_address(user)
    require_second_factor(user, code)
    TokenFamily.objects.filter(user=user, expires_at__lt=timezone.now()).delete()
    family = TokenFamily.objects.create(
        user=user,
        auth_hash=user.get_session_auth_hash(),
        current=uuid4().hex,
        expires_at=timezone.now() + _lifetime(REFRESH),
    )
    return _issue(family)


def refresh_tokens(*, refresh: str) -> Tokens:
    """The next pair. Raises `NotLoggedIn`; a token that was exchanged before ends the login."""
    claims = _read(refresh, REFRESH)
    family = _find_family(claims)
    if family is None:
        raise NotLoggedIn("This refresh token is not valid any more: log in again.")
    family.current, family.expires_at = uuid4().hex, timezone.now() + _lifetime(REFRESH)
    # The database chooses the one exchange of a token, however many ask at once.
    current = TokenFamily.objects.filter(id=family.id, current=claims["jti"], revoked_at=None)
    if not current.update(current=family.current, expires_at=family.expires_at):
        _revoke(claims)
        raise NotLoggedIn(USED_AGAIN)
    return _issue(family)


def log_out(*, refresh: str) -> None:
    """End the login a refresh token belongs to; again is harmless. Raises `NotLoggedIn` for no such token."""
    _revoke(_read(refresh, REFRESH))


def find_token_user(*, access: str) -> User | None:
    """The active user an access token belongs to, or None. Raises `AccountSuspended`."""
    try:
        claims = _read(access, ACCESS)
    except NotLoggedIn:
        return None
    family = _find_family(claims)
    return family.user if family is not None else None


def _issue(family: TokenFamily) -> Tokens:
    return Tokens(
        access=_sign(family, ACCESS, jti=uuid4().hex),
        refresh=_sign(family, REFRESH, jti=family.current),
        expires_in=int(_lifetime(ACCESS).total_seconds()),
        refresh_expires_in=int(_lifetime(REFRESH).total_seconds()),
    )


def _sign(family: TokenFamily, kind: str, *, jti: str) -> str:
    now = timezone.now()
    claims = {"iss": ISSUER, "sub": str(family.user_id), "fam": str(family.id), "typ": kind, "jti": jti}
    return jwt.encode(
        claims | {"iat": now, "exp": now + _lifetime(kind)}, _key(settings.SECRET_KEY), ALGORITHM
    )


def _read(token: str, kind: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(settings.SECRET_KEY),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "sub", "fam", "typ", "jti"]},
        )
    except (jwt.InvalidTokenError, ValueError) as error:  # ValueError: not even text of a token
        raise NotLoggedIn("This is no valid %(kind)s token: log in again.", values={"kind": kind}) from error
    if claims["typ"] != kind:
        raise NotLoggedIn("This is no %(kind)s token.", values={"kind": kind})
    return claims


def _find_family(claims: dict[str, Any]) -> TokenFamily | None:
    found = (
        TokenFamily.objects.select_related("user")
        .filter(id=claims["fam"], revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True)
        .first()
    )
    if found is None or not constant_time_compare(found.auth_hash, found.user.get_session_auth_hash()):
        return None
    require_good_standing(found.user)
    return found


def _revoke(claims: dict[str, Any]) -> None:
    TokenFamily.objects.filter(id=claims["fam"], revoked_at=None).update(revoked_at=timezone.now())
    tell_login_changed(UUID(claims["sub"]))


def _lifetime(kind: str) -> timedelta:
    return timedelta(
        seconds=settings.ACCESS_TOKEN_SECONDS if kind == ACCESS else settings.REFRESH_TOKEN_SECONDS
    )


@cache
def _key(secret: str) -> bytes:
    """A key of its own, so that no other signature made with the secret is a token."""
    return salted_hmac("chat.services.tokens", "", secret=secret, algorithm="sha256").digest()

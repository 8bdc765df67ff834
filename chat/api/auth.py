"""Who is calling: a bearer key, or a browser's session with its CSRF token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from chat.models import User
from chat.services.accounts import find_api_key


@dataclass(frozen=True)
class Caller:
    """Who calls, and what the key allows beyond its user's own rights."""

    user: User
    scopes: frozenset[str] = frozenset()


class BearerKey(HttpBearer):
    """`Authorization: Bearer pk_…`"""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """The key's user, who then is the request's."""
        key = find_api_key(secret=token.strip())
        if key is None:
            return None
        request.user = key.user
        return Caller(key.user, frozenset(key.scopes))


class SessionCookie(APIKeyCookie):
    """A browser's login. Only without an `Authorization` header: a wrong key is never overlooked."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Any:
        """Anonymous before the CSRF check, so that whoever is not logged in is told so."""
        if "Authorization" in request.headers or not request.user.is_authenticated:
            return None
        return super().__call__(request)

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        """The session's user."""
        return Caller(request.user) if isinstance(request.user, User) else None


LOGGED_IN = [BearerKey(), SessionCookie()]


def caller_of(request: HttpRequest) -> Caller:
    """Who calls an operation that needs a login."""
    caller: Caller = request.auth  # type: ignore[attr-defined]  # set by ninja
    return caller


def user_of(request: HttpRequest) -> User:
    """The user who calls."""
    return caller_of(request).user

"""Who is calling: a bearer key or token, or a browser's session with its CSRF token."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from chat.api.ratelimit import limit_headers
from chat.models import User
from chat.realtime.database import give_back
from chat.services.callers import Caller, find_caller
from chat.services.errors import Forbidden
from chat.services.ratelimit import count_request
from chat.services.scopes import OPENAI, READ, WRITE

ACCOUNT_PATHS = "/api/v1/auth/"
OPENAI_PATHS = "/v1/"
READING = ("GET", "HEAD")


class Bearer(HttpBearer):
    """`Authorization: Bearer pk_…`, or an access token from `auth/token`."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """The caller, if the key allows this route; its user then is the request's."""
        caller = find_caller(secret=token.strip())
        if caller is None:
            return None
        request.user = caller.user
        counted = _counted(request, caller)
        _require_scope(caller, request)
        return counted


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
        return _counted(request, Caller(request.user)) if isinstance(request.user, User) else None


LOGGED_IN = [Bearer(), SessionCookie()]


class _Brief:
    """Gives the connection to the database back: what follows may be a stream, and last."""

    async def __call__(self, request: HttpRequest) -> Any:
        return await sync_to_async(self._find)(request)

    def _find(self, request: HttpRequest) -> Any:
        try:
            return super().__call__(request)  # type: ignore[misc]  # of the other base
        finally:
            give_back()


# For async operations. With the same names, which are those of the documents.
ASYNC_LOGGED_IN = [type(each.__name__, (_Brief, each), {})() for each in (Bearer, SessionCookie)]


def caller_of(request: HttpRequest) -> Caller:
    """Who calls an operation that needs a login."""
    caller: Caller = request.auth  # type: ignore[attr-defined]  # set by ninja
    return caller


def user_of(request: HttpRequest) -> User:
    """The user who calls."""
    return caller_of(request).user


def _require_scope(caller: Caller, request: HttpRequest) -> None:
    if request.path.startswith(ACCOUNT_PATHS):
        if caller.key is not None:
            raise Forbidden("A key cannot manage an account: log in with a password.")
    elif request.path.startswith(OPENAI_PATHS):
        caller.require(OPENAI)
    else:
        caller.require(READ if request.method in READING else WRITE)


def _counted(request: HttpRequest, caller: Caller) -> Caller:
    verdict = count_request(caller)
    request.limit_headers = limit_headers(verdict.quotas)  # type: ignore[attr-defined]  # for the middleware
    verdict.enforce()
    return caller

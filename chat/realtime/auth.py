"""Who is behind a socket: a key, a ticket, or a browser's cookie from one of our own pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.translation import get_language_from_request

from chat.models import User
from chat.realtime.database import in_database
from chat.realtime.protocol.closing import Close
from chat.realtime.tickets import redeem_ticket
from chat.selectors.sessions import participant_role, session_exists
from chat.services.callers import Caller, find_caller
from chat.services.errors import Forbidden
from chat.services.scopes import WRITE
from chat.services.standing import AccountSuspended


class Refused(Exception):  # noqa: N818  an answer, not a fault
    """The socket is closed with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


Login = Callable[[], Caller | None]


@dataclasses.dataclass(frozen=True)
class Visitor:
    """Somebody who may be in a session. `login` finds the caller again, while the login is still good."""

    caller: Caller
    login: Login

    @property
    def user(self) -> User:
        """Who it is."""
        return self.caller.user

    def is_logged_in(self) -> bool:
        """Whether the key, the token, the cookie's session and the account are still good."""
        found = self.login()
        return found is not None and found.user.id == self.user.id


async def admit(scope: dict[str, Any], session_id: UUID) -> Visitor:
    """The visitor behind a socket. Raises `Refused` with the close code."""
    login = await _find_login(scope)
    caller = await in_database(login)() if login is not None else None
    if login is None or caller is None:
        raise Refused(Close.NOT_LOGGED_IN)
    may_enter, exists = await in_database(_look_up)(caller.user.id, session_id)
    if not may_enter:
        raise Refused(Close.NOT_ALLOWED if exists else Close.NO_SUCH_SESSION)
    try:
        caller.require(WRITE)
    except Forbidden as error:
        raise Refused(Close.NOT_ALLOWED) from error
    return Visitor(caller, login)


def language_of(scope: dict[str, Any]) -> str:
    """The one that the pages have, as Django's middleware finds it."""
    headers, request = _headers(scope), HttpRequest()
    request.COOKIES = parse_cookie(headers.get("cookie", ""))
    request.META["HTTP_ACCEPT_LANGUAGE"] = headers.get("accept-language", "")
    return get_language_from_request(request)


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _find_login(scope: dict[str, Any]) -> Login | None:
    headers = _headers(scope)
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return partial(_bearer, secret.strip())
    tickets = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
    if tickets:
        user_id = await redeem_ticket(tickets[0])
        return partial(_active_user, user_id) if user_id is not None else None
    session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        return None
    origin, host = headers.get("origin", ""), headers.get("host", "")
    if not is_own_page(origin, host, is_secure=_is_secure(scope)):
        raise Refused(Close.NOT_ALLOWED)
    return partial(_session_user, session_key)


def is_own_page(origin: str, host: str, *, is_secure: bool) -> bool:
    """Whether a page of this origin may use its visitor's cookie: one from here, or one the settings name.

    Another port or scheme is another origin, as in Django's CSRF check. `ALLOWED_HOSTS = ["*"]` allows
    every host to be ours, not every page to act for its visitors.
    """
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    here = f"{'https' if is_secure else 'http'}://{host}"
    is_here = bool(host) and origin.lower() == here.lower()
    return is_here and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


def _is_secure(scope: dict[str, Any]) -> bool:
    return settings.BEHIND_TLS or scope.get("scheme") == "wss"


def _look_up(user_id: UUID, session_id: UUID) -> tuple[bool, bool]:
    may_enter = participant_role(user_id=user_id, session_id=session_id) is not None
    return may_enter, may_enter or session_exists(session_id)


def _bearer(secret: str) -> Caller | None:
    try:
        return find_caller(secret=secret)
    except AccountSuspended:
        return None


def _active_user(user_id: UUID) -> Caller | None:
    user = User.objects.filter(id=user_id).first()
    return Caller(user) if user is not None and user.may_log_in else None


def _session_user(session_key: str) -> Caller | None:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return Caller(user) if isinstance(user, User) and user.may_log_in else None

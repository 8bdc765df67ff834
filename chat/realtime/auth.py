"""Who is behind a socket: a key, a ticket, or a browser's cookie from one of our own pages."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host

from chat.models import ParticipantRole, User
from chat.realtime.database import in_database
from chat.realtime.protocol import Close
from chat.realtime.tickets import redeem_ticket
from chat.selectors.sessions import participant_role, session_exists
from chat.services.accounts import authenticate_api_key


class Refused(Exception):  # noqa: N818  an answer, not a fault
    """The socket is closed with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Visitor:
    """Somebody who may be in a session, and as what."""

    user: User
    role: ParticipantRole


async def admit(scope: dict[str, Any], session_id: UUID) -> Visitor:
    """The visitor behind a socket. Raises `Refused` with the close code."""
    user = await _login(scope)
    if user is None:
        raise Refused(Close.NOT_LOGGED_IN)
    role, exists = await in_database(_look_up)(user.id, session_id)
    if role is None:
        raise Refused(Close.NOT_ALLOWED if exists else Close.NO_SUCH_SESSION)
    return Visitor(user, role)


async def _login(scope: dict[str, Any]) -> User | None:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await in_database(authenticate_api_key)(secret=secret.strip())
    tickets = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
    if tickets:
        user_id = await redeem_ticket(tickets[0])
        return await in_database(_active_user)(user_id) if user_id is not None else None
    session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        return None
    if not is_own_page(headers.get("origin", ""), headers.get("host", "")):
        raise Refused(Close.NOT_ALLOWED)
    return await in_database(_session_user)(session_key)


def is_own_page(origin: str, host: str) -> bool:
    """Whether a page of this origin may use its visitor's cookie: our own, or one the settings name.

    `ALLOWED_HOSTS = ["*"]` allows every host to be ours, not every page to act for its visitors.
    """
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not name:
        return False
    named = [pattern for pattern in settings.ALLOWED_HOSTS if pattern != "*"]
    origin_host = f"[{name}]" if ":" in name else name
    if validate_host(origin_host, named):
        return True
    is_same = parts.netloc.lower() == host.lower()
    return is_same and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


def _look_up(user_id: UUID, session_id: UUID) -> tuple[ParticipantRole | None, bool]:
    role = participant_role(user_id=user_id, session_id=session_id)
    return role, role is not None or session_exists(session_id)


def _active_user(user_id: UUID) -> User | None:
    return User.objects.filter(id=user_id, is_active=True).first()


def _session_user(session_key: str) -> User | None:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None

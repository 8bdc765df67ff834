"""Visitors of chat panels. A visitor's token opens one chat, and nothing but the panel takes it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import Group
from django.core import signing
from django.db import transaction

from chat.models import ChatMessage, ChatSession, GroupLimits, Panel, Role, User, Visitor
from chat.services.accounts import delete_account
from chat.services.errors import Conflict, NotLoggedIn
from chat.services.messages import count_messages
from chat.services.ratelimit import Bucket, take
from chat.services.sessions import create_session

GUESTS = "guests"
TOKENS_PER_DAY = 20_000
VISITS_AT_ONCE = 20
PURGED_AT_ONCE = 100
SALT = "parley.panel"


@dataclass(frozen=True)
class Visit:
    """A visitor's chat, and what opens it again."""

    session: ChatSession
    user: User
    token: str


def welcome(*, panel: Panel) -> Visit:
    """A new visitor with a temporary chat that begins with the panel's opening. Raises `TooManyRequests`."""
    rate = settings.PANEL_VISITORS_PER_HOUR / 3600
    take(Bucket("panel", f"parley:panel:{panel.id}", rate, VISITS_AT_ONCE)).enforce()
    with transaction.atomic():
        user = User(username=f"guest-{uuid4().hex[:12]}")
        user.set_unusable_password()
        user.save(force_insert=True)
        user.groups.add(_guests())
        Visitor.objects.create(user=user, panel=panel)
        session = create_session(
            user=user,
            is_temporary=True,
            title=panel.name,
            llm_model=panel.llm_model,
            system_prompt=panel.system_prompt,
        )
        if panel.opening:
            ChatMessage.objects.create(
                session=session, author=user, role=Role.ASSISTANT, content=panel.opening
            )
            count_messages(session.id)
    return Visit(session, user, signing.dumps(str(user.id), salt=SALT))


def come_back(*, panel: Panel, token: str) -> Visit:
    """The visit that a token opens. Raises `NotLoggedIn` where it is over, or was at another panel."""
    visitor = _find_visitor(panel, token)
    session = ChatSession.objects.filter(owner=visitor.user).first() if visitor is not None else None
    if visitor is None or session is None:
        raise NotLoggedIn("This chat has ended: begin a new one.")
    return Visit(session, visitor.user, token)


def purge_visitors() -> int:
    """Delete the accounts of visitors whose chat is gone; returns how many. What is on legal hold stays."""
    gone = Visitor.objects.filter(user__owned_sessions=None).select_related("user")[:PURGED_AT_ONCE]
    visitors = list(gone)
    for visitor in visitors:
        with contextlib.suppress(Conflict):
            delete_account(user=visitor.user)
    return len(visitors)


def _find_visitor(panel: Panel, token: str) -> Visitor | None:
    try:
        user_id = signing.loads(token, salt=SALT, max_age=settings.TEMPORARY_CHAT_HOURS * 3600)
    except signing.BadSignature:
        return None
    visitors = Visitor.objects.select_related("user").filter(panel=panel, user__is_active=True)
    return visitors.filter(user_id=UUID(user_id)).first()


def _guests() -> Group:
    """The group whose limits are the guests'; administrators change them."""
    group, is_new = Group.objects.get_or_create(name=GUESTS)
    if is_new:
        limits = {"tokens_per_day": TOKENS_PER_DAY, "max_running": 1, "max_queued": 2}
        GroupLimits.objects.create(group=group, **limits)
    return group

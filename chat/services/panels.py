"""Visitors of chat panels. A visitor's token opens one chat, and nothing but the panel takes it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from ipaddress import ip_interface
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group
from django.core import signing
from django.db import transaction

from chat.models import ChatMessage, ChatSession, GroupLimits, Panel, Role, User, Visitor
from chat.realtime.protocol.closing import Close
from chat.services.accounts import delete_account
from chat.services.errors import Conflict, NotLoggedIn
from chat.services.messages import count_messages
from chat.services.ratelimit import Bucket, take
from chat.services.sessions import close_sockets, create_session

GUESTS = "guests"
TOKENS_PER_DAY = 20_000
VISITS_AT_ONCE = 20
SHARE = 5
"""One address gets the fifth part of a panel's visits."""
PURGED_AT_ONCE = 100
NOBODY = UUID(int=0)
SALT = "parley.panel"
GUEST = r"^guest-[0-9a-f]{12}$"


@dataclass(frozen=True)
class Visit:
    """A visitor's chat, and what opens it again."""

    session: ChatSession
    user: User
    token: str


def welcome(*, panel: Panel, address: str) -> Visit:
    """A new visitor with a temporary chat that begins with the panel's opening. Raises `TooManyRequests`.

    `address` is the client's, so that one client cannot keep all others out.
    """
    rate, key = settings.PANEL_VISITORS_PER_HOUR / 3600, f"parley:panel:{{{panel.id}}}"
    take(
        Bucket("panel", key, rate, VISITS_AT_ONCE),
        Bucket("address", f"{key}:{_network(address)}", rate / SHARE, VISITS_AT_ONCE // SHARE),
    ).enforce()
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


def delete_panel(*, panel: Panel) -> None:
    """Delete a panel; its visitors leave at once, and their chats and accounts after them."""
    with transaction.atomic():
        close_visits(panel=panel)
        panel.delete()


def close_visits(*, panel: Panel) -> None:
    """Close the sockets of all visitors, after the commit."""
    visits = ChatSession.objects.filter(owner__visitor__panel=panel).values_list("id", flat=True)
    for session_id in list(visits):
        close_sockets(session_id=session_id, code=Close.NO_SUCH_SESSION)


def purge_visitors(*, after: UUID = NOBODY) -> UUID | None:
    """Delete accounts of visitors whose chat is gone, as many as take a moment; what is on legal hold stays.

    Looks at those behind the id `after`; returns the last one looked at, or None where no others are left.
    """
    gone = User.objects.filter(owned_sessions=None, id__gt=after).order_by("id")
    # Where the panel is gone, too, a visitor is told by the name, and by what nobody can log in with.
    orphans = gone.filter(groups__name=GUESTS, visitor=None, last_login=None, is_staff=False)
    orphans = orphans.filter(username__regex=GUEST, password__startswith=UNUSABLE_PASSWORD_PREFIX)
    found = [*gone.exclude(visitor=None)[:PURGED_AT_ONCE], *orphans[:PURGED_AT_ONCE]]
    users = sorted(found, key=lambda user: user.id)[:PURGED_AT_ONCE]
    last = users[-1].id if len(users) == PURGED_AT_ONCE else None
    for user in users:
        with contextlib.suppress(Conflict):
            delete_account(user=user)
    return last


def _network(address: str) -> str:
    """What one client has for itself: an IPv4 address, or 64 bits of an IPv6 one."""
    found = ip_interface(address)
    return str(found if found.version == 4 else ip_interface(f"{found.ip}/64").network)


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

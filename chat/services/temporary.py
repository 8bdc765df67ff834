"""Temporary chats: in no list, and deleted once nobody looks at them any more."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from chat.models import ACTIVE, ChatSession, Generation, LegalHold
from chat.realtime.presence import is_anybody_in
from chat.realtime.protocol.closing import Close
from chat.services.attachments import forget_attachments
from chat.services.holds import HELD_SESSION
from chat.services.sessions import AWAY, cancel_all, close_sockets

PURGED_AT_ONCE = 100
LOOKED_AT_ONCE = 1000
OFTEN = timedelta(minutes=1)
"""So often it is written down that somebody is there: a chat outlives its last reader by most of `AWAY`, and
also a Redis that has just forgotten who is where."""


def purge_temporary() -> int:
    """Delete the temporary chats that were left, or are too old; returns how many. Raises a Redis error.

    Those in which a reply is being written, or somebody wrote who is on legal hold, stay.
    """
    now = timezone.now()
    writing = Generation.objects.filter(session=OuterRef("pk"), status__in=ACTIVE)
    held = LegalHold.objects.filter(user__messages__session=OuterRef("pk"))
    due = ChatSession.objects.filter(
        ~Exists(writing), ~Exists(held), temporary_until__lt=now + AWAY - OFTEN
    ).exclude(HELD_SESSION)
    oldest = now - timedelta(hours=settings.TEMPORARY_CHAT_HOURS)
    purged = 0
    for session in due.order_by("temporary_until")[:LOOKED_AT_ONCE]:
        if session.created_at > oldest and is_anybody_in(session.id):
            ChatSession.objects.filter(id=session.id).update(temporary_until=now + AWAY)
        elif session.created_at <= oldest or (session.temporary_until or now) < now:
            _delete(session.id)
            purged += 1
        if purged == PURGED_AT_ONCE:
            break
    return purged


def _delete(session_id: UUID) -> None:
    with transaction.atomic():
        session = ChatSession.objects.select_for_update().filter(id=session_id).first()
        if session is not None:
            cancel_all(session_id=session_id)
            forget_attachments(session=session)
            session.delete()
            close_sockets(session_id=session_id, code=Close.NO_SUCH_SESSION)

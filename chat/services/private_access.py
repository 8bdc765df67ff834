"""Breaking the glass: a moderator reads more of a conversation than a case shows."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chat.models import ChatSession, PrivateAccess, User
from chat.services.access import require_permission
from chat.services.audit import record
from chat.services.errors import InvalidRequest, NotFound
from chat.services.moderation.notices import notify_readers
from chat.services.text import require_storable

SHORTEST, LONGEST = 10, 500


def open_private(*, actor: User, session_id: UUID, reason: str) -> PrivateAccess:
    """Leave to read a conversation for `PRIVATE_READ_MINUTES`: one entry of the audit log.

    The caller has made sure, just now, that it is the actor who asks. With `PRIVATE_READ_NOTICES` the
    people of the conversation are told.
    """
    require_permission(actor, "chat.read_private")
    reason = reason.strip()
    require_storable(reason, field="reason", error=InvalidRequest)
    if not SHORTEST <= len(reason) <= LONGEST:
        raise InvalidRequest(
            "reason must have %(least)s to %(most)s characters.",
            field="reason",
            values={"least": SHORTEST, "most": LONGEST},
        )
    session = ChatSession.objects.filter(id=session_id).first()
    if session is None:
        raise NotFound("There is no such session.")
    minutes = settings.PRIVATE_READ_MINUTES
    with transaction.atomic():
        access = PrivateAccess.objects.create(
            actor=actor,
            session=session,
            reason=reason,
            expires_at=timezone.now() + timedelta(minutes=minutes),
        )
        if settings.PRIVATE_READ_NOTICES:
            notify_readers(session, actor=actor)
        record(
            actor=actor,
            action="session.read",
            subject=session,
            details={"reason": reason, "minutes": minutes, "told": settings.PRIVATE_READ_NOTICES},
        )
    return access

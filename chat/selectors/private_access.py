"""Who may read a conversation that they have no part in."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from chat.models import PrivateAccess, User
from chat.selectors.sessions import participant_role


def find_access(*, actor: User, session_id: UUID) -> PrivateAccess | None:
    """The actor's leave to read a conversation, if one is running."""
    running = PrivateAccess.objects.filter(actor=actor, session_id=session_id, expires_at__gt=timezone.now())
    return running.order_by("-expires_at").first()


def may_read(*, user: User, session_id: UUID) -> bool:
    """As a participant, or with a leave."""
    if participant_role(user_id=user.id, session_id=session_id) is not None:
        return True
    return find_access(actor=user, session_id=session_id) is not None

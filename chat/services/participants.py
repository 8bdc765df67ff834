"""Who takes part in a session: added and removed by its owner, or by following an invitation."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from chat.models import ChatSession, Invitation, Participant, ParticipantRole, User
from chat.realtime.protocol.closing import Close
from chat.realtime.protocol.events import ParticipantUpdate
from chat.services.access import lock_owned, require_owner, require_reader
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.sessions import close_sockets
from chat.services.telling import tell_session
from chat.services.text import is_storable

INVITATION_VALID = timedelta(days=7)
MOST_USES = 1000


def add_participant(*, user: User, session_id: UUID, who: UUID | str, role: ParticipantRole) -> Participant:
    """Add somebody by id or username, or change their role; the owner may."""
    _require_giveable(role)
    with transaction.atomic():
        session = lock_owned(user=user, session_id=session_id)
        known = {"id": who} if isinstance(who, UUID) else {"username": who}
        other = User.objects.filter(is_active=True, **known).first()
        if other is None:
            field = "user_id" if isinstance(who, UUID) else "username"
            raise NotFound("There is no such user.", field=field)
        if other.id == session.owner_id:
            raise Conflict("The owner takes part already, and stays the owner.", field="role")
        return _join(session, other, role)


def remove_participant(*, user: User, session_id: UUID, user_id: UUID) -> None:
    """Remove somebody and close their sockets; the owner may, and everybody may leave."""
    with transaction.atomic():
        require_reader(user=user, session_id=session_id)
        if user_id != user.id:
            require_owner(user=user, session_id=session_id)
        found = Participant.objects.select_for_update().filter(session_id=session_id, user_id=user_id).first()
        if found is None:
            raise NotFound("This person does not take part in the session.", field="user_id")
        if found.role == ParticipantRole.OWNER:
            raise Forbidden("The owner cannot leave; delete the session instead.", field="user_id")
        found.delete()
        close_sockets(session_id=session_id, code=Close.NOT_ALLOWED, user_id=user_id)


def create_invitation(
    *, user: User, session_id: UUID, role: ParticipantRole, max_uses: int = 1
) -> tuple[Invitation, str]:
    """An invitation and its token, which is shown once and not stored; the owner may."""
    _require_giveable(role)
    if not 1 <= max_uses <= MOST_USES:
        raise InvalidRequest(
            "max_uses must be from 1 to %(most)s.", field="max_uses", values={"most": MOST_USES}
        )
    require_owner(user=user, session_id=session_id)
    token = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        session_id=session_id,
        digest=_digest(token),
        role=role,
        created_by=user,
        expires_at=timezone.now() + INVITATION_VALID,
        max_uses=max_uses,
    )
    return invitation, token


def accept_invitation(*, user: User, token: str) -> Participant:
    """Take part in the session one was invited to. Whoever does already keeps their role."""
    if not is_storable(token):
        raise _no_invitation()
    with transaction.atomic():
        found = Invitation.objects.select_for_update().filter(digest=_digest(token)).first()
        if found is None or found.expires_at <= timezone.now():
            raise _no_invitation()
        session = ChatSession.objects.select_for_update().get(id=found.session_id)
        already = Participant.objects.filter(session=session, user=user).first()
        if already is not None:
            return already
        # The database counts the uses: two people at once cannot both be the last.
        if not Invitation.objects.filter(id=found.id, uses__lt=F("max_uses")).update(uses=F("uses") + 1):
            raise _no_invitation()
        return _join(session, user, ParticipantRole(found.role))


def _join(session: ChatSession, user: User, role: ParticipantRole) -> Participant:
    known = Participant.objects.filter(session=session, user=user).first()
    if known is not None:
        known.role = role
        known.save(update_fields=["role"])
        told = ParticipantUpdate(session_id=str(session.id), user_id=str(user.id), role=role)
        tell_session(session.id, [told])
        return known
    limit = settings.MAX_PARTICIPANTS
    if Participant.objects.filter(session=session).count() >= limit:
        raise Conflict(
            "A session has at most %(most)s participants.", field="user_id", values={"most": limit}
        )
    return Participant.objects.create(session=session, user=user, role=role)


def _require_giveable(role: ParticipantRole) -> None:
    if role == ParticipantRole.OWNER:
        raise InvalidRequest("role must be member or viewer: a session has one owner.", field="role")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _no_invitation() -> NotFound:
    return NotFound("This invitation does not exist, has expired or was used already.", field="token")

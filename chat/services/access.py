"""Who may do what in a session. Whoever has no part in it does not learn that it exists."""

from __future__ import annotations

from uuid import UUID

from chat.models import ChatMessage, ChatSession, ParticipantRole, User
from chat.selectors.messages import message_rows
from chat.selectors.sessions import may_write, participant_role
from chat.services.errors import Forbidden, NotFound


def require_permission(user: User, permission: str) -> None:
    """Raises `Forbidden` where the user's roles do not give it."""
    if not user.has_perm(permission):
        raise Forbidden("Your role does not allow this.")


def require_reader(*, user: User, session_id: UUID) -> ParticipantRole:
    """The user's role in a session. Raises `NotFound`."""
    role = participant_role(user_id=user.id, session_id=session_id)
    if role is None:
        raise NotFound("There is no such session.")
    return role


def require_writer(*, user: User, session_id: UUID) -> ParticipantRole:
    """The same for somebody who may write. Raises `NotFound` or `Forbidden`."""
    role = require_reader(user=user, session_id=session_id)
    if not may_write(role):
        raise Forbidden("A viewer of a session may read it, but not write in it.")
    return role


def require_owner(*, user: User, session_id: UUID) -> None:
    """Raises `NotFound` or `Forbidden` for everybody but the owner."""
    if require_reader(user=user, session_id=session_id) != ParticipantRole.OWNER:
        raise Forbidden("Only the owner of a session may do this.")


def lock_owned(*, user: User, session_id: UUID) -> ChatSession:
    """The session, locked until the transaction ends. Raises `NotFound` or `Forbidden`."""
    require_owner(user=user, session_id=session_id)
    session = ChatSession.objects.select_for_update().filter(id=session_id).first()
    if session is None:  # deleted in between
        raise NotFound("There is no such session.")
    return session


def lock_writable(*, user: User, session_id: UUID) -> ChatSession:
    """The same for somebody who may write in it: turns of one session follow each other."""
    session = ChatSession.objects.select_for_update().filter(id=session_id).first()
    require_writer(user=user, session_id=session_id)
    if session is None:
        raise NotFound("There is no such session.")
    return session


def find_readable(*, user: User, message_id: UUID) -> ChatMessage:
    """The message, with its author, if the user may read its session. Raises `NotFound`."""
    message = message_rows().filter(id=message_id).first()
    if message is None or participant_role(user_id=user.id, session_id=message.session_id) is None:
        raise NotFound("There is no such message.", field="message_id")
    return message

"""What each command of a client does: one service call, and the acknowledgement of it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chat.models import Generation, GenerationStatus
from chat.realtime.auth import Visitor
from chat.realtime.protocol.commands import (
    Cancel,
    ContinueReply,
    EditMessage,
    Regenerate,
    Resume,
    SendMessage,
)
from chat.realtime.protocol.events import Ack
from chat.selectors.generations import find_generation
from chat.selectors.sessions import may_write, participant_role
from chat.services.continuing import continue_reply
from chat.services.errors import Conflict, Forbidden, NotFound
from chat.services.generations import request_cancel
from chat.services.ratelimit import count_request
from chat.services.turns import Turn, edit_message, regenerate_reply, start_turn

Writing = SendMessage | Regenerate | ContinueReply | EditMessage | Cancel


@dataclass(frozen=True)
class Performed:
    """The answer to a command, and the turn it started, if any."""

    ack: Ack
    turn: Turn | None = None


class LoggedOut(Exception):  # noqa: N818  an answer, not a fault
    """The visitor's login is not good any more."""


def perform(command: Writing, *, visitor: Visitor, session_id: UUID) -> Performed:
    """Do what the command says, now, in the database. Raises `LoggedOut` or a `ServiceError`."""
    _require_login(visitor)
    count_request(visitor.caller).enforce()
    match command:
        case SendMessage():
            return _send(command, visitor, session_id)
        case Regenerate():
            return _regenerate(command, visitor, session_id)
        case ContinueReply():
            return _continue(command, visitor, session_id)
        case EditMessage():
            return _edit(command, visitor, session_id)
        case Cancel():
            return _cancel(command, visitor, session_id)


def find_resumable(command: Resume, *, visitor: Visitor, session_id: UUID) -> Generation:
    """The generation a client wants to follow. Raises `LoggedOut` or `NotFound`."""
    _require_login(visitor)
    found = find_generation(session_id=session_id, generation_id=command.generation_id)
    if found is None:
        raise NotFound("There is no such generation in this session.", field="generation_id")
    return found


def _require_login(visitor: Visitor) -> None:
    if not visitor.is_logged_in():
        raise LoggedOut


def _send(command: SendMessage, visitor: Visitor, session_id: UUID) -> Performed:
    turn = start_turn(
        user=visitor.user,
        session_id=session_id,
        content=command.content,
        request_id=command.request_id,
        parent_id=command.parent_id,
        sibling_of=command.sibling_of,
        options=command.options,
        attachments=command.attachments,
    )
    return Performed(_ack(command.request_id, turn.message.id, turn.generation.id), turn)


def _regenerate(command: Regenerate, visitor: Visitor, session_id: UUID) -> Performed:
    turn = regenerate_reply(
        user=visitor.user,
        session_id=session_id,
        message_id=command.message_id,
        request_id=command.request_id,
        options=command.options,
        exactly=command.exactly,
    )
    return Performed(_ack(command.request_id, turn.reply.id, turn.generation.id), turn)


def _continue(command: ContinueReply, visitor: Visitor, session_id: UUID) -> Performed:
    turn = continue_reply(
        user=visitor.user,
        session_id=session_id,
        message_id=command.message_id,
        request_id=command.request_id,
    )
    return Performed(_ack(command.request_id, turn.reply.id, turn.generation.id), turn)


def _edit(command: EditMessage, visitor: Visitor, session_id: UUID) -> Performed:
    message = edit_message(
        user=visitor.user,
        session_id=session_id,
        message_id=command.message_id,
        content=command.content,
    )
    return Performed(_ack(command.request_id, message.id, None))


def _cancel(command: Cancel, visitor: Visitor, session_id: UUID) -> Performed:
    generation_id = command.generation_id
    found = find_generation(session_id=session_id, generation_id=generation_id)
    if found is None:
        raise NotFound("There is no such generation in this session.", field="generation_id")
    if not may_write(participant_role(user_id=visitor.user.id, session_id=session_id)):
        raise Forbidden("A viewer of a session may not stop its replies.")
    if not request_cancel(generation_id=generation_id):
        _require_cancelled(session_id, generation_id)
    return Performed(_ack(command.request_id, found.message_id, generation_id))


def _require_cancelled(session_id: UUID, generation_id: UUID) -> None:
    """A reply that was stopped before is stopped; one that ended otherwise cannot be any more."""
    ended = find_generation(session_id=session_id, generation_id=generation_id)
    if ended is None or ended.status != GenerationStatus.CANCELLED:
        raise Conflict("This reply has already ended.", field="generation_id", code="already_ended")


def _ack(request_id: str | None, message_id: UUID, generation_id: UUID | None) -> Ack:
    generation = str(generation_id) if generation_id is not None else None
    return Ack(request_id=request_id, message_id=str(message_id), generation_id=generation)

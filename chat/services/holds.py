"""Legal holds: what they keep, and who set them is in the audit log."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from chat.models import Case, ChatMessage, ChatSession, LegalHold, StoredFile, User
from chat.services.audit import record
from chat.services.errors import Conflict, InvalidRequest, NotFound

HELD_SESSION = Exists(LegalHold.objects.filter(Q(session=OuterRef("pk")) | Q(user=OuterRef("owner"))))
"""Of a session: it or its owner is held."""

HELD_MESSAGE = Exists(
    LegalHold.objects.filter(
        Q(session=OuterRef("session")) | Q(user=OuterRef("session__owner")) | Q(user=OuterRef("author"))
    )
)
"""Of a message: its session, that one's owner or its author is held."""

HELD_CASE = Exists(
    LegalHold.objects.filter(
        Q(session=OuterRef("session")) | Q(user=OuterRef("session__owner")) | Q(user=OuterRef("subject"))
    )
)
"""Of a case: its session, that one's owner or the person concerned is held."""


def place_hold(*, reason: str, user: User | None = None, session: ChatSession | None = None) -> LegalHold:
    """Keep all of a user's or all of a session's messages. Raises `InvalidRequest`."""
    if not reason.strip():
        raise InvalidRequest("Say why it must be kept.", field="reason")
    if (user is None) == (session is None):
        raise InvalidRequest("Name a user or a session.")
    with transaction.atomic():
        hold = LegalHold.objects.create(user=user, session=session, reason=reason.strip()[:500])
        record(actor=None, action="hold.placed", subject=user or session, details={"reason": hold.reason})
    return hold


def lift_hold(*, hold_id: UUID) -> None:
    """What was kept may be deleted again. Raises `NotFound`."""
    with transaction.atomic():
        hold = LegalHold.objects.select_for_update().filter(id=hold_id).first()
        if hold is None:
            raise NotFound("There is no such hold.")
        subject = hold.user or hold.session
        hold.delete()
        record(actor=None, action="hold.lifted", subject=subject, details={"reason": hold.reason})


def require_session_not_held(session_id: UUID) -> None:
    """Raises `Conflict` where the session, its owner or the author of one of its messages is held."""
    sessions = ChatSession.objects.filter(id=session_id)
    authors = LegalHold.objects.filter(user__messages__session_id=session_id)
    if sessions.filter(HELD_SESSION).exists() or authors.exists():
        raise Conflict("This conversation must be kept for legal reasons and cannot be deleted.")


def require_message_not_held(message: ChatMessage) -> None:
    """Raises `Conflict` where the message's session, that one's owner or its author is held."""
    if ChatMessage.objects.filter(HELD_MESSAGE, id=message.id).exists():
        raise Conflict("This message must be kept for legal reasons and cannot be deleted.")


def require_words_kept(message: ChatMessage, *, content: str) -> None:
    """Raises `Conflict` where `content` would lose words of a message that is held."""
    loses = not content.startswith(message.content)
    if loses and ChatMessage.objects.filter(HELD_MESSAGE, id=message.id).exists():
        raise Conflict("This message must be kept for legal reasons and cannot be changed.")


def require_file_not_held(file: StoredFile) -> None:
    """Raises `Conflict` where the message that the file was sent with is held."""
    if ChatMessage.objects.filter(HELD_MESSAGE, attachment_rows__file=file).exists():
        raise Conflict("This file must be kept for legal reasons and cannot be deleted.")


def is_case_held(case: Case) -> bool:
    """Whether what a case is about must be kept."""
    held = ChatMessage.objects.filter(HELD_MESSAGE, cases=case)
    return held.exists() or Case.objects.filter(HELD_CASE, id=case.id).exists()


def require_case_not_held(case: Case) -> None:
    """Raises `Conflict` where what a case is about must be kept."""
    if is_case_held(case):
        raise Conflict("This message is on legal hold: hide it instead.", code="legal_hold")


def require_user_not_held(user: User) -> None:
    """Raises `Conflict` where the user, a session of theirs, somebody who wrote in one of those, or what they
    wrote in others' is held.
    """
    mine = LegalHold.objects.filter(
        Q(user=user) | Q(session__owner=user) | Q(user__messages__session__owner=user)
    )
    if mine.exists() or ChatMessage.objects.filter(HELD_MESSAGE, author=user).exists():
        raise Conflict("This account must be kept for legal reasons and cannot be deleted.")

"""Rows for tests, with as little said as possible."""

from __future__ import annotations

import itertools
from typing import Any

from chat.models import (
    Case,
    CaseSource,
    ChatMessage,
    ChatSession,
    Generation,
    MessageStatus,
    Notice,
    Participant,
    ParticipantRole,
    Role,
    User,
)

_numbers = itertools.count(1)


def make_user(**fields: Any) -> User:
    """A user who can log in with the password `secret`."""
    fields.setdefault("username", f"user{next(_numbers)}")
    return User.objects.create_user(password="secret", **fields)


def make_session(owner: User | None = None, **fields: Any) -> ChatSession:
    """A session with its owner's participant row."""
    session = ChatSession.objects.create(owner=owner or make_user(), **fields)
    Participant.objects.create(session=session, user=session.owner, role=ParticipantRole.OWNER)
    return session


def make_message(session: ChatSession, content: str = "Hello", **fields: Any) -> ChatMessage:
    """A complete message; the owner's own unless `role` says otherwise."""
    fields.setdefault("role", Role.USER)
    return ChatMessage.objects.create(session=session, author=session.owner, content=content, **fields)


def make_generation(
    session: ChatSession | None = None, *, content: str = "Hello", **fields: Any
) -> Generation:
    """A queued generation: a user's message and the empty reply that waits for it."""
    session = session or make_session()
    question = make_message(session, content)
    reply = make_message(session, "", role=Role.ASSISTANT, status=MessageStatus.STREAMING, parent=question)
    fields.setdefault("user", session.owner)
    fields.setdefault("model", "paced")
    return Generation.objects.create(session=session, message=reply, **fields)


def make_case(message: ChatMessage | None = None, **fields: Any) -> Case:
    """An open case about a message."""
    message = message or make_message(make_session())
    fields = {"source": CaseSource.REPORT, "priority": 2000, "evidence": message.content} | fields
    about = {"message": message, "session": message.session, "subject": message.author}
    return Case.objects.create(**(about | fields))


def make_notice(user: User, **fields: Any) -> Notice:
    """A notice of a decision that the user may appeal."""
    case = make_case(subject=user) if "case" not in fields else fields.pop("case")
    return Notice.objects.create(
        user=user, case=case, title="Hidden", body="A reason", is_appealable=True, **fields
    )

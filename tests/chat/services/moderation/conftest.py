"""People who moderate, and what they moderate."""

from __future__ import annotations

import pytest

from chat.models import ChatMessage, ChatSession, Participant, ParticipantRole, User
from chat.services.accounts.roles import set_role
from tests.support.factories import make_message, make_session, make_user


def make_moderator() -> User:
    """Somebody with the role's own permissions."""
    user = make_user()
    set_role(user=user, role="moderator")
    return user


@pytest.fixture
def moderator() -> User:
    return make_moderator()


@pytest.fixture
def second() -> User:
    return make_moderator()


@pytest.fixture
def session() -> ChatSession:
    return make_session()


@pytest.fixture
def message(session: ChatSession) -> ChatMessage:
    return make_message(session, "Buy my watches, cheap watches")


def add_reader(session: ChatSession) -> User:
    user = make_user()
    Participant.objects.create(session=session, user=user, role=ParticipantRole.VIEWER)
    return user


@pytest.fixture
def reader(session: ChatSession) -> User:
    return add_reader(session)

"""Chats that are in no list and do not stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import ChatMessage, ChatSession
from chat.selectors.sessions import list_sessions
from chat.selectors.shelf import list_shelf, list_titles
from chat.services import temporary
from chat.services.holds import place_hold
from chat.services.sessions import create_session
from chat.services.temporary import purge_temporary
from tests.support.factories import make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> ChatSession:
    """One that is due."""
    monkeypatch.setattr(temporary, "is_anybody_in", lambda session_id: False)
    session = create_session(user=make_user(), is_temporary=True)
    make_message(session, "Between us")
    ChatSession.objects.update(temporary_until=timezone.now() - timedelta(seconds=1))
    return session


def test_it_is_in_no_list() -> None:
    user = make_user()
    session = create_session(user=user, is_temporary=True)
    assert session.is_temporary
    assert list_sessions(user=user).sessions == []
    assert list_shelf(user=user).entries == []
    assert list_titles(user=user) == []


def test_it_is_deleted_once_it_was_left(chat: ChatSession) -> None:
    kept, fresh = make_session(), create_session(user=make_user(), is_temporary=True)
    assert purge_temporary() == 1
    assert set(ChatSession.objects.all()) == {kept, fresh}


def test_it_stays_while_somebody_is_there_up_to_an_age(
    chat: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary, "is_anybody_in", lambda session_id: session_id == chat.id)
    assert purge_temporary() == 0
    chat.refresh_from_db()
    assert chat.temporary_until is not None
    assert chat.temporary_until > timezone.now() + timedelta(minutes=9)
    old, due = timezone.now() - timedelta(hours=25), timezone.now() - timedelta(seconds=1)
    ChatSession.objects.update(temporary_until=due, created_at=old)
    assert purge_temporary() == 1


def test_it_stays_for_a_while_after_the_last_was_there(
    chat: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = timezone.now() + timedelta(minutes=2)
    ChatSession.objects.update(temporary_until=soon)
    monkeypatch.setattr(temporary, "is_anybody_in", lambda session_id: True)
    assert purge_temporary() == 0
    chat.refresh_from_db()
    assert chat.temporary_until is not None
    assert chat.temporary_until > timezone.now() + timedelta(minutes=9)
    monkeypatch.setattr(temporary, "is_anybody_in", lambda session_id: False)
    ChatSession.objects.update(temporary_until=soon)
    assert purge_temporary() == 0


def test_a_hold_keeps_it(chat: ChatSession) -> None:
    place_hold(reason="a case", user=chat.owner)
    assert purge_temporary() == 0


def test_words_of_somebody_on_hold_keep_it_too(chat: ChatSession) -> None:
    guest = make_user()
    ChatMessage.objects.filter(id=make_message(chat, "As a guest").id).update(author=guest)
    place_hold(reason="a case", user=guest)
    assert purge_temporary() == 0


def test_it_stays_while_a_reply_is_written(chat: ChatSession) -> None:
    make_generation(session=chat)
    assert purge_temporary() == 0

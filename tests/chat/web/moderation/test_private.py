"""Breaking the glass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import AuditEntry, ChatSession, Notice, PrivateAccess, User
from tests.support.factories import make_message, make_session, make_user

pytestmark = pytest.mark.django_db
REASON = "A threat was reported."


@pytest.fixture
def session() -> ChatSession:
    """Somebody's conversation."""
    found = make_session(make_user(username="ada"))
    make_message(found, "secret words")
    return found


def url(session: ChatSession) -> str:
    return reverse("moderation_conversation", args=[session.id])


def open_it(client: Client, session: ChatSession, **fields: str) -> Any:
    return client.post(url(session), {"reason": REASON} | fields, follow=True)


def test_without_a_reason_there_is_only_a_form(moderating: Client, session: ChatSession) -> None:
    page = moderating.get(url(session)).content.decode()
    assert "secret words" not in page
    assert "Reason" in page
    assert not AuditEntry.objects.exists()


def test_with_a_reason_it_can_be_read_and_one_entry_says_so(moderating: Client, session: ChatSession) -> None:
    assert "secret words" in open_it(moderating, session).content.decode()
    assert "secret words" in moderating.get(url(session)).content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name, entry.subject_id) == ("session.read", "mo", str(session.id))
    assert entry.data["reason"] == REASON


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"reason": "why not"}, "Ensure this value has at least 10 characters"),
        ({"reason": "x" * 501}, "Ensure this value has at most 500 characters"),
    ],
    ids=["short", "long"],
)
def test_otherwise_it_stays_closed(
    moderating: Client, session: ChatSession, fields: dict[str, str], problem: str
) -> None:
    answer = open_it(moderating, session, **fields)
    assert answer.status_code == 400
    assert problem in answer.content.decode()
    assert "secret words" not in moderating.get(url(session)).content.decode()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("language", "title", "called"),
    [("", "A moderator has read", "“100 % Tea”"), ("de", "Ein Moderator hat", "„100 % Tea“")],
)
def test_its_people_are_told_in_their_language(
    moderating: Client, session: ChatSession, language: str, title: str, called: str
) -> None:
    User.objects.filter(username="ada").update(language=language)
    ChatSession.objects.update(title="100 % Tea")
    open_it(moderating, session)
    notice = Notice.objects.get()
    assert notice.user.username == "ada"
    assert notice.title.startswith(title)
    assert called in notice.body


def test_it_closes_again(moderating: Client, session: ChatSession) -> None:
    open_it(moderating, session)
    PrivateAccess.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "secret words" not in moderating.get(url(session)).content.decode()


def test_who_has_not_proved_lately_that_it_is_them_gives_the_password_first(
    moderator: User, session: ChatSession
) -> None:
    client = Client()
    client.force_login(moderator)
    asked = open_it(client, session)
    assert asked.redirect_chain[0][0].startswith("/accounts/reauthenticate/")
    assert not AuditEntry.objects.exists()
    place = asked.redirect_chain[0][0]
    client.post(place, {"password": "wrong", "next": url(session)})
    assert not AuditEntry.objects.exists()
    client.post(place, {"password": "secret", "next": url(session)})
    assert AuditEntry.objects.get().data["reason"] == REASON
    assert "secret words" in client.get(url(session)).content.decode()


def test_one_conversation_opens_no_other_and_for_nobody_else(
    moderating: Client, administrating: Client, session: ChatSession
) -> None:
    open_it(moderating, session)
    other = make_session()
    make_message(other, "other words")
    assert "other words" not in moderating.get(url(other)).content.decode()
    assert "secret words" not in administrating.get(url(session)).content.decode()


def test_people_read_their_own_without_a_reason(moderating: Client, moderator: User) -> None:
    own = make_session(moderator)
    make_message(own, "own words")
    assert "own words" in moderating.get(url(own)).content.decode()
    assert not AuditEntry.objects.exists()


def test_what_does_not_exist_is_not_found(moderating: Client) -> None:
    assert moderating.get(reverse("moderation_conversation", args=[uuid4()])).status_code == 404


@pytest.mark.parametrize("back", ["/moderation/live/", "https://evil.example/"])
def test_it_leads_back_to_a_page_of_ours(moderating: Client, session: ChatSession, back: str) -> None:
    answer = moderating.post(url(session), {"reason": REASON, "next": back})
    assert answer["Location"] == (back if back.startswith("/") else url(session))

"""Finding what was said, and going there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chat.models import ChatMessage, ChatSession, User
from chat.web import views
from tests.support.factories import make_message, make_session, make_user


def ask(browser: Client, **query: str) -> str:
    return browser.get("/search/", query).content.decode()


def test_found_messages_lead_to_their_place(browser: Client, ada: User) -> None:
    session = make_session(ada, title="Boats")
    message = make_message(session, "A <b>harbour</b> at night")
    make_message(make_session(make_user(), title="Secret"), "A harbour of others")
    page = ask(browser, words="harb")
    assert f'href="/chat/{session.id}/?message={message.id}"' in page
    assert "<mark>harbour</mark>" in page
    assert "&lt;b&gt;" in page or "&lt; b&gt;" in page
    assert "1 message" in page
    assert re.search(rf'class="meta">{ada.username} ·', page)
    assert "Secret" not in page
    assert "No message has these words." in ask(browser, words="nothing")


def test_a_search_is_limited_to_a_chat_and_to_days(browser: Client, ada: User) -> None:
    boats, trains = make_session(ada, title="Boats"), make_session(ada, title="Trains")
    for session, day in ((boats, 1), (trains, 2)):
        message = make_message(session, "harbour")
        ChatMessage.objects.filter(id=message.id).update(created_at=datetime(2026, 5, day, 23, tzinfo=UTC))
    here = {"words": "harbour", "session": str(boats.id)}
    assert titles(ask(browser, **here)) == ["Boats"]
    assert titles(ask(browser, words="harbour", date_to="2026-05-01")) == ["Boats"]
    assert titles(ask(browser, words="harbour", date_from="2026-05-02", date_to="2026-05-02")) == ["Trains"]
    assert "Enter a valid date." in ask(browser, words="harbour", date_from="yesterday")
    assert "Select a valid choice." in ask(browser, words="harbour", session=str(make_session().id))


def test_htmx_takes_the_results_alone(browser: Client, ada: User) -> None:
    for number in range(21):
        make_message(make_session(ada), f"harbour {number}")
    part = browser.get("/search/", {"words": "harbour"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'href="?words=harbour&amp;page=2"' in part
    assert len(titles(ask(browser, words="harbour", page="2"))) == 1


def test_a_message_is_shown_with_what_is_around_it(
    browser: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "CONTEXT_AFTER", 2)
    session = make_session(ada)
    messages = [make_message(session, f"Message {number}") for number in range(5)]
    page = data(browser, session, messages[1])
    assert page["shown"] == str(messages[1].id)
    assert [view["content"] for view in page["transcript"]["messages"]] == [
        "Message 0",
        "Message 1",
        "Message 2",
    ]
    assert page["is_latest"] is False
    assert data(browser, session, messages[3])["is_latest"] is True
    assert browser.get(url(session, make_message(make_session(ada)))).status_code == 404


def titles(page: str) -> list[str]:
    return re.findall(r'\?message=[^"]*">(.*?)</a>', page)


def url(session: ChatSession, message: ChatMessage) -> str:
    return f"{reverse('session', args=[session.id])}?message={message.id}"


def data(browser: Client, session: ChatSession, message: ChatMessage) -> Any:
    page = browser.get(url(session, message)).content.decode()
    found = re.search(r'<script id="chat-page" type="application/json">(.*?)</script>', page)
    assert found
    return json.loads(found[1])

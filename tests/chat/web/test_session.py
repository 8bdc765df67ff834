"""The chat page and its transcript."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chat.models import ChatMessage, User, WorkerStatus
from chat.services.workers import heartbeat
from chat.web.pages import TRANSCRIPT_MESSAGES
from tests.support.factories import make_generation, make_message, make_session, make_user

DATA = re.compile(r'<script id="chat-page" type="application/json">(.*?)</script>', re.DOTALL)


def page_data(page: str) -> dict[str, Any]:
    found = DATA.search(page)
    assert found, "the page carries no chat"
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_a_page_carries_its_chat(browser: Client, ada: User) -> None:
    generation = make_generation(
        make_session(ada, title="Boats"), content="</script><script>alert(1)</script>"
    )
    session = generation.session
    url = reverse("session", args=[session.id])
    page = browser.get(url).content.decode()
    assert "<title>Boats · Parley</title>" in page
    assert "<script>alert" not in page
    data = page_data(page)
    transcript = data.pop("transcript")
    assert data == {
        "session_id": str(session.id),
        "user_id": str(ada.id),
        "role": "owner",
        "max_upload_bytes": 20 << 20,
        "max_tokens": 1000,
        "is_latest": True,
        "shown": None,
        "urls": {
            "socket": f"/api/v1/chat/sessions/{session.id}/websocket",
            "transcript": f"{url}transcript/",
            "page": url,
            "login": f"/accounts/login/?next={url}",
        },
    }
    question, reply = transcript["messages"]
    assert question["content"] == "</script><script>alert(1)</script>"
    assert (reply["role"], reply["status"]) == ("assistant", "streaming")
    assert transcript["active_generations"] == [
        {"generation_id": str(generation.id), "message_id": reply["id"]}
    ]
    assert transcript["earlier_url"] is None
    assert transcript["can_write"] is True


def test_what_no_worker_serves_is_told_while_a_reply_waits_for_it(browser: Client, ada: User) -> None:
    session = make_generation(make_session(ada)).session
    url = reverse("transcript", args=[session.id])
    session.messages.filter(role="assistant").update(llm_model="large")
    assert browser.get(url).json()["unserved_models"] == ["large"]
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["large"], slots=1)
    assert browser.get(url).json()["unserved_models"] == []


def test_the_transcript_is_what_the_page_carries(browser: Client, ada: User) -> None:
    session = make_generation(make_session(ada)).session
    carried = page_data(browser.get(reverse("session", args=[session.id])).content.decode())
    response = browser.get(carried["urls"]["transcript"])
    assert response.json() == carried["transcript"]
    assert "no-store" in response["Cache-Control"]


def test_earlier_messages_come_in_windows(browser: Client, ada: User) -> None:
    session = make_session(ada)
    written = [make_message(session, f"Message {number}") for number in range(TRANSCRIPT_MESSAGES + 30)]
    url = reverse("transcript", args=[session.id])
    latest = browser.get(url).json()
    assert contents(latest) == [message.content for message in written[30:]]
    earlier = browser.get(latest["earlier_url"]).json()
    assert contents(earlier) == [message.content for message in written[:30]]
    assert earlier["earlier_url"] is None
    page = browser.get(f"{reverse('session', args=[session.id])}?before={written[30].id}").content.decode()
    data = page_data(page)
    assert data["is_latest"] is False
    assert contents(data["transcript"]) == contents(earlier)


def contents(transcript: dict[str, Any]) -> list[str]:
    return [message["content"] for message in transcript["messages"]]


@pytest.mark.parametrize("name", ["session", "transcript"])
def test_other_peoples_sessions_do_not_exist(browser: Client, name: str) -> None:
    theirs = make_session(make_user())
    for session_id in (theirs.id, uuid4()):
        assert browser.get(reverse(name, args=[session_id])).status_code == 404


def test_a_place_outside_the_session_does_not_exist(browser: Client, ada: User) -> None:
    url = reverse("transcript", args=[make_session(ada).id])
    foreign: ChatMessage = make_message(make_session())
    for before in (foreign.id, uuid4(), "nonsense"):
        assert browser.get(url, {"before": str(before)}).status_code == 404


def test_the_page_costs_the_same_however_long_the_chat_is(
    browser: Client, ada: User, django_assert_num_queries: Any
) -> None:
    session = make_session(ada)
    for number in range(20):
        make_message(session, f"Message {number}")
    with django_assert_num_queries(QUERIES):
        browser.get(reverse("session", args=[session.id]))


# The login 2, the session, one's role there, replies and messages 2, models to choose from 2, the sidebar,
# the link, the banner, the notices.
QUERIES = 12

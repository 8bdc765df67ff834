"""Links that anybody may read, and files with chats."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chat.models import ChatSession, Participant, ParticipantRole, Role, SharedLink, User
from tests.support.factories import make_message, make_session, make_user

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def press(browser: Client, name: str, session: ChatSession) -> Any:
    return browser.post(reverse(name, args=[session.id]), headers={"HX-Request": "true"})


def link_of(session: ChatSession) -> str:
    return reverse("shared", args=[SharedLink.objects.get(session=session).token])


@pytest.fixture
def boats(ada: User) -> ChatSession:
    session = make_session(ada, title="Boats", system_prompt="Secret orders")
    question = make_message(session, "What floats?")
    make_message(session, "Wood.", role=Role.ASSISTANT, parent=question)
    return session


def test_a_link_shows_a_session_to_anybody_until_it_is_revoked(browser: Client, boats: ChatSession) -> None:
    stranger = Client()
    state = press(browser, "share_session", boats).content.decode()
    url = link_of(boats)
    assert f'value="http://testserver{url}"' in state
    shown = stranger.get(url)
    page = shown.content.decode()
    assert "What floats?" in page
    assert "Wood." in page
    for hidden in ("Secret orders", "<form", str(boats.id)):
        assert hidden not in page
    assert not re.search(r"\bada\b", page)  # "ada" alone may be part of an id
    assert shown.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex, nofollow">' in page
    assert "no-store" in shown.headers["Cache-Control"]
    assert "Create a link" in press(browser, "revoke_link", boats).content.decode()
    assert stranger.get(url).status_code == 404
    press(browser, "share_session", boats)
    assert link_of(boats) != url


def test_what_is_said_later_needs_sharing_again(browser: Client, boats: ChatSession) -> None:
    press(browser, "share_session", boats)
    make_message(boats, "And now a secret", parent=boats.messages.last())
    url = link_of(boats)
    assert "secret" not in Client().get(url).content.decode()
    press(browser, "share_session", boats)
    assert link_of(boats) == url
    assert "And now a secret" in Client().get(url).content.decode()


def test_only_the_line_that_ended_last_is_shown(browser: Client, ada: User) -> None:
    session = make_session(ada)
    first = make_message(session, "Question")
    make_message(session, "Discarded answer", role=Role.ASSISTANT, parent=first)
    make_message(session, "Better answer", role=Role.ASSISTANT, parent=first)
    press(browser, "share_session", session)
    page = Client().get(link_of(session)).content.decode()
    assert "Better answer" in page
    assert "Discarded" not in page


@pytest.mark.parametrize("role", [ParticipantRole.MEMBER, None])
def test_only_the_owner_shares(browser: Client, ada: User, role: ParticipantRole | None) -> None:
    theirs = make_session(make_user())
    if role:
        Participant.objects.create(session=theirs, user=ada, role=role)
        assert "share-state" not in browser.get(reverse("session", args=[theirs.id])).content.decode()
    assert press(browser, "share_session", theirs).status_code == 404
    assert press(browser, "revoke_link", theirs).status_code == 404
    assert not SharedLink.objects.exists()


def test_shared_pages_write_what_was_said_as_text(browser: Client, ada: User) -> None:
    session = make_session(ada, title=HOSTILE)
    make_message(session, HOSTILE)
    press(browser, "share_session", session)
    page = Client().get(link_of(session)).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_an_empty_session_and_one_of_a_closed_account(browser: Client, ada: User) -> None:
    session = make_session(ada)
    press(browser, "share_session", session)
    assert "Nothing was said." in Client().get(link_of(session)).content.decode()
    User.objects.filter(id=ada.id).update(is_active=False)
    assert Client().get(link_of(session)).status_code == 404


def test_the_session_page_offers_every_format(browser: Client, boats: ChatSession) -> None:
    page = browser.get(reverse("session", args=[boats.id])).content.decode()
    for kind in ("md", "pdf", "txt", "json"):
        assert f"/api/v1/chat/sessions/{boats.id}/export?format={kind}" in page
        assert browser.get(f"/api/v1/chat/sessions/{boats.id}/export?format={kind}").status_code == 200


def upload(browser: Client, content: bytes) -> Any:
    return browser.post("/import/", {"file": SimpleUploadedFile("chats.json", content)})


def test_an_exported_chat_comes_back(browser: Client, boats: ChatSession) -> None:
    exported = browser.get(f"/api/v1/chat/sessions/{boats.id}/export?format=json").content
    assert "Import chats" in browser.get("/import/").content.decode()
    answer = upload(browser, exported)
    copy = ChatSession.objects.exclude(id=boats.id).get()
    assert answer.headers["Location"] == reverse("session", args=[copy.id])
    assert [message.content for message in copy.messages.all()] == ["What floats?", "Wood."]


def test_chatgpts_conversations_come_in_together(browser: Client, ada: User) -> None:
    node: dict[str, Any] = {
        "message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}},
        "parent": None,
        "children": [],
    }
    file = [{"title": f"Chat {number}", "mapping": {"a": node}} for number in range(2)]
    assert upload(browser, json.dumps(file).encode()).status_code == 302
    assert sorted(ChatSession.objects.values_list("title", flat=True)) == ["Chat 0", "Chat 1"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"nonsense", "This is no JSON file."),
        (b"{}", "schema_version must be one of 1."),
        (b"[]", "Send from 1 to 1000 conversations at once."),
        (b"[" * 100_000, "This is no JSON file."),
    ],
)
def test_other_files_are_refused_in_a_sentence(browser: Client, content: bytes, problem: str) -> None:
    answer = upload(browser, content)
    assert answer.status_code == 400
    assert problem in answer.content.decode()


def test_a_file_that_is_too_large_is_not_read(browser: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert "at most 10 bytes" in upload(browser, b"x" * 11).content.decode()

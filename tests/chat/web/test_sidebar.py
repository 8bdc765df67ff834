"""The list of sessions beside every page."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chat.models import ChatSession, Deletion, Participant, ParticipantRole, User
from chat.selectors import shelf
from tests.support.factories import make_message, make_session, make_user

HTMX = {"HX-Request": "true"}
TITLE = re.compile(r'<span class="title[^"]*">(.*?)</span>')


def listed(page: bytes) -> list[str]:
    return TITLE.findall(page.decode())


def ask(browser: Client, **query: str) -> list[str]:
    return listed(browser.get(reverse("session_list"), query).content)


def post(browser: Client, name: str, session: ChatSession, **fields: str) -> Any:
    return browser.post(reverse(name, args=[session.id]), fields, headers=HTMX)


def place(session: ChatSession, user: User) -> Participant:
    return Participant.objects.get(session=session, user=user)


def test_it_lists_own_sessions_page_by_page(
    browser: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "PAGE_SIZE", 2)
    for number in range(4):
        make_session(ada, title=f"Chat {number}")
    make_session(make_user(), title="Secret")
    here = make_session(ada)
    url = reverse("session", args=[here.id])
    first = browser.get(url).content
    assert listed(first) == ["Untitled chat", "Chat 3"]
    assert f'href="{url}" aria-current="page"' in first.decode()
    assert 'href="?page=2"' in first.decode()
    assert ask(browser, page="2") == ["Chat 2", "Chat 1"]
    assert ask(browser, page="3") == ["Chat 0"]
    assert "?page=" not in browser.get(reverse("session_list"), {"page": "3"}).content.decode()
    for odd in ("0", "\u00b2", "-1", "x"):
        assert ask(browser, page=odd) == listed(first)


def test_pinned_sessions_come_first_and_archived_ones_stand_apart(browser: Client, ada: User) -> None:
    old, middle, _new = (make_session(ada, title=title) for title in ("Old", "Middle", "New"))
    assert listed(post(browser, "arrange_session", old, is_pinned="yes").content) == ["Old", "New", "Middle"]
    assert listed(post(browser, "arrange_session", middle, is_archived="yes").content) == ["Old", "New"]
    assert ask(browser, archived="yes") == ["Middle"]
    post(browser, "arrange_session", middle, is_archived="no")
    assert listed(post(browser, "arrange_session", old, is_pinned="no").content) == ["New", "Middle", "Old"]


def test_folders_are_names_to_search_for(browser: Client, ada: User) -> None:
    boats = make_session(ada, title="Boats")
    make_session(ada, title="Trains")
    post(browser, "arrange_session", boats, folder="  My   travels ")
    assert place(boats, ada).folder == "My travels"
    assert ask(browser, q="travel") == ask(browser, folder="My travels") == ["Boats"]
    assert ask(browser, q="TRAIN") == ["Trains"]
    assert ask(browser, q="nothing") == []
    refused = post(browser, "arrange_session", boats, folder="x" * 61)
    assert "The name of a folder has at most 60 characters." in refused.content.decode()
    assert place(boats, ada).folder == "My travels"


def test_tags_are_names_to_choose_by(browser: Client, ada: User) -> None:
    boats, trains = (
        make_session(ada, title="Boats"),
        make_session(ada, title="Trains", tags=["Reisen & Züge"]),
    )
    page = post(browser, "tag_session", boats, tags=" sea,  wide   water, sea,, ").content.decode()
    boats.refresh_from_db()
    assert boats.tags == ["sea", "wide water"]
    assert "?tag=wide%20water" in page
    assert ask(browser, tag="wide water") == ["Boats"]
    assert ask(browser, tag="Reisen & Züge") == ["Trains"]
    assert ask(browser, tag="water") == []
    refused = post(browser, "tag_session", trains, tags="x" * 51)
    shown = refused.content.decode()
    assert "A chat has at most 50 tags of 1 to 50 characters." in shown
    assert shown.count(f'value="{"x" * 51}"') == shown.count("<details open>") == 1


def test_rows_count_messages_and_tokens(browser: Client, ada: User) -> None:
    make_session(ada, title="Long", message_count=1200, token_usage=34000)
    make_session(ada, title="Short", message_count=1)
    page = browser.get(reverse("session_list")).content.decode()
    assert "1,200 messages · 34,000 tokens" in page
    assert "1 message<" in page.replace(" · ", "")


def test_a_place_in_the_list_is_each_persons_own(browser: Client, ada: User) -> None:
    bob = make_user()
    shared = make_session(bob, title="Shared")
    Participant.objects.create(session=shared, user=ada, role=ParticipantRole.VIEWER)
    post(browser, "arrange_session", shared, is_pinned="yes", folder="Bob")
    assert (place(shared, ada).is_pinned, place(shared, bob).is_pinned) == (True, False)
    page = post(browser, "rename_session", shared, title="Mine now")
    assert "Only the owner of a session may do this." in page.content.decode()
    assert post(browser, "delete_session", shared).status_code == 200
    assert ChatSession.objects.get(id=shared.id).title == "Shared"


def test_owners_rename_and_delete(browser: Client, ada: User) -> None:
    session, other = make_session(ada, title="Boats"), make_session(ada, title="Trains")
    assert listed(post(browser, "rename_session", session, title=" Big  boats ").content) == [
        "Big boats",
        "Trains",
    ]
    assert listed(post(browser, "delete_session", other, shown=str(session.id)).content) == ["Big boats"]
    make_message(session)
    cleared = post(browser, "clear_session", session)
    assert (listed(cleared.content), session.messages.count()) == (["Big boats"], 0)
    gone = post(browser, "delete_session", session, shown=str(session.id))
    assert gone.headers["HX-Redirect"] == reverse("home")
    assert not ChatSession.objects.exists()
    for response in (cleared, gone):
        told = json.loads(response.headers["HX-Trigger"])["parley-deleted"]
        assert Deletion.objects.get(id=told["deletion_id"]).session_id == session.id
        assert told["undo_seconds"] == 60


def test_without_htmx_every_form_leads_to_a_page(browser: Client, ada: User) -> None:
    session = make_session(ada)
    url = reverse("session", args=[session.id])
    arranged = browser.post(reverse("arrange_session", args=[session.id]), {"is_pinned": "yes"})
    assert (arranged.status_code, arranged.headers["Location"]) == (302, url)
    deleted = browser.post(reverse("delete_session", args=[session.id]), {"shown": str(session.id)})
    assert (deleted.status_code, deleted.headers["Location"]) == (302, reverse("home"))


@pytest.mark.parametrize(
    "name", ["arrange_session", "rename_session", "tag_session", "clear_session", "delete_session"]
)
def test_other_peoples_sessions_do_not_exist(browser: Client, name: str) -> None:
    theirs = make_session(make_user())
    assert post(browser, name, theirs, is_pinned="yes", title="x").status_code == 404


def test_titles_and_folders_stay_text(browser: Client, ada: User) -> None:
    session = make_session(ada, title="<b>Boats</b>")
    page = post(browser, "arrange_session", session, folder="<script>alert(1)</script>").content.decode()
    assert "<b>" not in page
    assert "<script" not in page


def test_the_list_costs_one_query_however_long_it_is(
    browser: Client, ada: User, django_assert_num_queries: Any
) -> None:
    for number in range(60):
        make_session(ada, title=f"Chat {number}")
    with django_assert_num_queries(1):
        page = shelf.list_shelf(user=ada)
    assert (len(page.entries), page.has_more) == (40, True)


def test_a_row_is_asked_for_alone_when_its_chat_has_changed(browser: Client, ada: User) -> None:
    session = make_session(ada)
    url = reverse("session_meta", args=[session.id])
    assert f'hx-get="{url}"' in browser.get(reverse("session", args=[session.id])).content.decode()
    created = session.created_at - timedelta(hours=3)
    ChatSession.objects.filter(id=session.id).update(message_count=2, token_usage=340, created_at=created)
    said = browser.get(url).content.decode().replace("\xa0", " ")
    assert "2 messages" in said
    assert "340 tokens" in said
    assert "3 hours" in said
    assert browser.get(reverse("session_meta", args=[make_session(make_user()).id])).status_code == 404

"""Search over HTTP, on whichever database is configured."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chat.models import ChatMessage
from chat.search_index import create_index, drop_index, repair_index
from tests.support.api import Caller
from tests.support.factories import make_message, make_session


def found(caller: Caller, query: str) -> list[str]:
    response = caller.get(f"search?{query}")
    assert response.status_code == 200, response.content
    return [result["snippet"] for result in response.json()["results"]]


def test_the_best_comes_first_with_its_words_marked(ada: Caller) -> None:
    session = make_session(ada.user, title="Tea")
    make_message(session, "A dormouse among many other animals that were at the long table that day")
    make_message(session, "Dormouse! <b>Dormouse</b>!")
    best = found(ada, "q=dormouse")[0].replace("&lt; ", "&lt;")  # PostgreSQL's index has a space there
    assert best == "<mark>Dormouse</mark>! &lt;b&gt;<mark>Dormouse</mark>&lt;/b&gt;!"
    body = ada.get("search?query=DORMOUSE&page_size=1").json()
    assert (body["total_count"], body["has_more"], len(body["results"])) == (2, True, 1)
    assert (body["results"][0]["session_title"], body["results"][0]["role"]) == ("Tea", "user")


def test_all_words_are_needed_and_the_last_may_be_a_beginning(ada: Caller) -> None:
    session = make_session(ada.user)
    make_message(session, "the white rabbit")
    make_message(session, "the white queen")
    assert found(ada, "q=white rab") == ["the <mark>white</mark> <mark>rabbit</mark>"]
    assert found(ada, "q=whi rabbit") == []


@pytest.mark.parametrize("query", ['"', "' OR 1=1", "white AND", "(white", "white:*", "-white", "NEAR(", "*"])
def test_operators_are_words(ada: Caller, query: str) -> None:
    make_message(make_session(ada.user), "white")
    response = ada.get("search", QUERY_STRING="q=" + query.replace(" ", "%20"))
    assert response.status_code == 200


def test_only_in_ones_own_sessions(ada: Caller, bob: Caller) -> None:
    mine = make_session(ada.user)
    make_message(mine, "secret garden")
    make_message(make_session(ada.user, is_hidden=True), "secret machine")
    assert len(found(ada, "q=secret")) == 1
    assert found(bob, "q=secret") == []
    assert bob.get(f"search?q=secret&session_id={mine.id}").status_code == 404


def test_code_is_text(ada: Caller) -> None:
    make_message(make_session(ada.user), 'Write <img src="cat.png" alt="purring">.')
    assert len(found(ada, "q=purring")) == 1


def test_filters(ada: Caller) -> None:
    session, other = make_session(ada.user), make_session(ada.user)
    old, long_ago = make_message(session, "hatter old"), timezone.now() - timedelta(days=10)
    ChatMessage.objects.filter(id=old.id).update(created_at=long_ago)
    make_message(session, "hatter new")
    make_message(other, "hatter other")
    day, later = (long_ago + timedelta(days=days) for days in (0, 9))
    assert len(found(ada, "q=hatter")) == 3
    assert len(found(ada, f"q=hatter&session_id={session.id}")) == 2
    assert found(ada, f"q=hatter&date_to={day.date()}") == ["<mark>hatter</mark> old"]
    assert len(found(ada, f"q=hatter&date_from={day.date()}")) == 3
    assert len(found(ada, f"q=hatter&date_from={later.date()}T00:00:00Z")) == 2


@pytest.mark.parametrize("query", ["", "q=", "q=%20", "q=a&date_from=x", "q=a&page_size=0"])
def test_nonsense_is_refused(ada: Caller, query: str) -> None:
    assert ada.get(f"search?{query}").status_code == 422


def test_the_index_follows_every_write(ada: Caller) -> None:
    session = make_session(ada.user)
    message = make_message(session, "walrus")
    ChatMessage.objects.filter(id=message.id).update(content="carpenter")
    assert (len(found(ada, "q=walrus")), len(found(ada, "q=carpenter"))) == (0, 1)
    message.delete()
    assert found(ada, "q=carpenter") == []


def test_the_index_can_be_dropped_and_made_again(ada: Caller) -> None:
    make_message(make_session(ada.user), "oyster")
    connection.check_constraints()  # PostgreSQL alters no table with deferred checks pending
    drop_index(connection)
    create_index(connection)
    assert len(found(ada, "q=oyster")) == 1


def test_lost_triggers_are_restored(ada: Caller) -> None:
    assert not repair_index(connection)
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER chat_message_search_insert")
    make_message(make_session(ada.user), "oyster")
    assert found(ada, "q=oyster") == []
    assert repair_index(connection)
    assert len(found(ada, "q=oyster")) == 1


def test_it_takes_few_queries(ada: Caller, django_assert_max_num_queries: Any) -> None:
    session = make_session(ada.user)
    for _ in range(20):
        make_message(session, "hatter")
    with django_assert_max_num_queries(6):
        assert len(found(ada, "q=hatter")) == 20


def test_of_too_many_the_newest_are_ranked(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(ada.user)
    make_message(session, "hatter hatter hatter hatter")
    for number in range(3):
        make_message(session, f"hatter {number}")
    monkeypatch.setattr("chat.selectors.search.MOST_RANKED", 2)
    body = ada.get("search?q=hatter&page_size=1").json()
    assert (body["total_count"], body["has_more"], body["is_capped"]) == (2, True, True)
    assert body["results"][0]["snippet"] == "<mark>hatter</mark> 2"
    beyond = ada.get("search?q=hatter&page=9").json()
    assert (beyond["total_count"], beyond["results"], beyond["has_more"]) == (2, [], False)
    assert ada.get("search?q=2").json()["is_capped"] is False

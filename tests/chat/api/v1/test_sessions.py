"""Sessions over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chat.models import ChatSession, Generation, Participant, ParticipantRole
from chat.realtime.protocol.closing import CloseSockets
from tests.support.api import Caller
from tests.support.factories import make_generation, make_session, make_user

FIELDS = {
    *("id", "title", "user_id", "llm_provider", "llm_model", "system_prompt", "chat_template", "settings"),
    *(
        "tags",
        "metadata",
        "retention_days",
        "summary",
        "is_active",
        "is_temporary",
        "message_count",
        "token_usage",
        "last_seen_at",
        "created_at",
    ),
    "updated_at",
}


def test_a_new_session_has_every_field(ada: Caller) -> None:
    response = ada.post(
        "sessions", {"title": "Hi", "llm_model": "paced", "tags": ["a"], "metadata": {"k": 1}}
    )
    body = response.json()
    assert response.status_code == 201
    assert set(body) == FIELDS
    assert (body["title"], body["llm_model"], body["tags"], body["metadata"]) == (
        "Hi",
        "paced",
        ["a"],
        {"k": 1},
    )
    assert (body["user_id"], body["llm_provider"], body["is_active"]) == (str(ada.user.id), "LOCAL", True)
    assert body["created_at"].endswith("Z")
    assert ada.get(f"sessions/{body['id']}").json() == body


@pytest.mark.parametrize("body", [{}, None])
def test_everything_has_a_default(ada: Caller, body: Any) -> None:
    response = ada.call("POST", "sessions", body)
    assert (response.status_code, response.json()["title"]) == (201, "")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"title": "x" * 201}, "title", "200"),
        ({"title": "a\0b"}, "title", "U+0000"),
        ({"llm_model": "unheard-of"}, "llm_model", "unheard-of"),
        ({"settings": {"temperature": 9}}, "settings.temperature", "from 0 to 5"),
        ({"settings": {"colour": 1}}, "settings", "colour"),
        ({"tags": ["x" * 51]}, "tags", "50"),
        ({"tags": "x"}, "tags", "list"),
        ({"metadata": {"a": ["\0"]}}, "metadata", "U+0000"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata", "16384"),
        ({"colour": "red"}, "colour", "not permitted"),
    ],
)
def test_what_is_wrong_names_field_and_limit(ada: Caller, body: Any, field: str, said: str) -> None:
    response = ada.post("sessions", body)
    assert response.status_code == 422
    problem = response.json()["details"]
    assert (problem["field"], said in problem["message"]) == (field, True)
    assert not ChatSession.objects.exists()


def test_lists_come_in_pages_and_only_with_ones_own(ada: Caller, bob: Caller) -> None:
    make_session(bob.user)
    rows = [make_session(ada.user, title=f"s{number}") for number in range(5)]
    make_session(ada.user, is_hidden=True)
    first = ada.get("sessions?page_size=2").json()
    last = ada.get("sessions?page_size=2&page=3").json()
    assert [row["title"] for row in first["sessions"]] == ["s4", "s3"]
    assert (first["total_count"], first["page"], first["page_size"], first["has_more"]) == (5, 1, 2, True)
    assert ([row["id"] for row in last["sessions"]], last["has_more"]) == ([str(rows[0].id)], False)


def test_lists_can_be_narrowed(ada: Caller) -> None:
    make_session(ada.user, title="Tea party", is_active=False)
    make_session(ada.user, title="Hats", llm_provider="OPENROUTER")
    for query, title in [
        ("is_active=false", "Tea party"),
        ("is_active=true", "Hats"),
        ("llm_provider=LOCAL", "Tea party"),
        ("q=hat", "Hats"),
    ]:
        assert [row["title"] for row in ada.get(f"sessions?{query}").json()["sessions"]] == [title]


@pytest.mark.parametrize("query", ["page=0", "page_size=201", "page=x", "is_active=maybe", "user_id=1"])
def test_nonsense_in_a_query_is_named(ada: Caller, query: str) -> None:
    response = ada.get(f"sessions?{query}")
    assert (response.status_code, response.json()["details"]["field"]) == (422, query.split("=")[0])


def test_staff_may_list_others(ada: Caller, bob: Caller) -> None:
    make_session(ada.user, title="Ada's")
    path = f"sessions?user_id={ada.user.id}"
    assert bob.get(path).status_code == 403
    staff = Caller(make_user(is_staff=True))
    assert [row["title"] for row in staff.get(path).json()["sessions"]] == ["Ada's"]
    assert staff.get(f"sessions?user_id={uuid4()}").status_code == 404


def test_only_what_is_given_changes(ada: Caller) -> None:
    row = make_session(ada.user, title="Old", system_prompt="Rhyme.")
    response = ada.put(f"sessions/{row.id}", {"title": "New", "is_active": False})
    body = response.json()
    assert (body["title"], body["system_prompt"], body["is_active"]) == ("New", "Rhyme.", False)
    assert body["updated_at"] > body["created_at"]


def test_a_member_may_look_but_not_change(ada: Caller, bob: Caller) -> None:
    row = make_session(ada.user)
    Participant.objects.create(session=row, user=bob.user, role=ParticipantRole.MEMBER)
    assert bob.get(f"sessions/{row.id}").status_code == 200
    for response in (bob.put(f"sessions/{row.id}", {"title": "Mine"}), bob.delete(f"sessions/{row.id}")):
        assert (response.status_code, response.json()["error_code"]) == (403, "FORBIDDEN")


def test_deleting_stops_replies_and_closes_sockets(
    ada: Caller, told: list[tuple[str, object]], django_capture_on_commit_callbacks: Any
) -> None:
    row = make_session(ada.user)
    generation = make_generation(row)
    with django_capture_on_commit_callbacks(execute=True):
        response = ada.delete(f"sessions/{row.id}")
    assert (response.status_code, response.json()["message"]) == (200, "The session has been deleted.")
    assert not Generation.objects.filter(id=generation.id).exists()
    assert (f"session.{row.id}", CloseSockets(code=4404)) in told
    assert [event.finish_reason for group, event in told if group == f"generation.{generation.id}"] == [  # type: ignore[attr-defined]
        "cancelled"
    ]
    assert ada.get(f"sessions/{row.id}").status_code == 404


def test_a_list_takes_few_queries(ada: Caller, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        make_session(ada.user)
    with django_assert_max_num_queries(6):
        assert len(ada.get("sessions").json()["sessions"]) == 20

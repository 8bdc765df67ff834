"""Messages over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from chat.api.v1.schemas import MessageOut
from chat.models import ChatMessage, Generation, Participant, ParticipantRole, Role
from chat.realtime.protocol.events import MessageUpdate
from chat.realtime.protocol.views import MessageView
from tests.support.api import Caller, answer_next
from tests.support.factories import make_generation, make_message, make_session


def join(session: Any, caller: Caller, role: ParticipantRole = ParticipantRole.MEMBER) -> None:
    Participant.objects.create(session=session, user=caller.user, role=role)


def contents(response: Any) -> list[str]:
    return [message["content"] for message in response.json()["messages"]]


def test_http_and_sockets_show_the_same_message() -> None:
    assert set(MessageOut.model_fields) == set(MessageView.__struct_fields__)


def test_a_message_is_answered(ada: Caller) -> None:
    session = make_session(ada.user)
    body = ada.post(f"sessions/{session.id}/messages", {"content": "Hi", "metadata": {"k": [1]}}).json()
    generation = Generation.objects.get()
    assert (body["generation_id"], body["reply_id"]) == (str(generation.id), str(generation.message_id))
    assert (body["content"], body["role"], body["metadata"]) == ("Hi", "user", {"k": [1]})
    answer_next("Hel", "lo")
    listed = ada.get(f"sessions/{session.id}/messages").json()
    assert [message["content"] for message in listed["messages"]] == ["Hi", "Hello"]
    assert set(listed) == {"messages", "total_count", "page", "page_size", "has_more", "session_id"}
    assert (listed["total_count"], listed["has_more"], listed["session_id"]) == (2, False, str(session.id))
    assert set(listed["messages"][0]) == set(MessageView.__struct_fields__)


def test_a_note_is_not(ada: Caller) -> None:
    session = make_session(ada.user)
    response = ada.post(f"sessions/{session.id}/messages", {"content": "Note", "respond": False})
    assert (response.status_code, response.json()["generation_id"]) == (201, None)
    assert not Generation.objects.exists()
    session.refresh_from_db()
    assert session.message_count == 1


@pytest.mark.parametrize("respond", [True, False])
def test_the_same_request_is_the_same_message(ada: Caller, respond: bool) -> None:
    path = f"sessions/{make_session(ada.user).id}/messages"
    body = {"content": "Hi", "request_id": "r1", "respond": respond}
    first, second = ada.post(path, body), ada.post(path, body)
    assert first.json() == second.json()
    assert ChatMessage.objects.filter(role="user").count() == 1


def test_a_request_id_of_another_session_is_taken(ada: Caller) -> None:
    body = {"content": "Hi", "request_id": "r1", "respond": False}
    ada.post(f"sessions/{make_session(ada.user).id}/messages", body)
    refused = ada.post(f"sessions/{make_session(ada.user).id}/messages", body)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "REQUEST_ID_REUSED")


def test_each_role_is_for_somebody(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user)
    path = f"sessions/{session.id}/messages"
    service = Caller(scopes=["messages:write"])
    join(session, bob)
    join(session, service)
    allowed = [(ada, "system"), (service, "assistant"), (bob, "user")]
    refused = [(bob, "system"), (ada, "assistant")]
    for caller, role in allowed:
        response = caller.post(path, {"content": "x", "role": role, "respond": False})
        assert (response.status_code, response.json().get("role")) == (201, role)
    for caller, role in refused:
        response = caller.post(path, {"content": "x", "role": role, "respond": False})
        assert (response.status_code, response.json()["details"]["field"]) == (403, "role")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "content", "required"),
        ({"content": ""}, "content", "1"),
        ({"content": "  "}, "content", "empty"),
        ({"content": "x" * 60_001}, "content", "60000"),
        ({"content": "a\0b"}, "content", "U+0000"),
        ({"content": "x", "role": "king"}, "role", "'user'"),
        ({"content": "x", "parent_id": "1"}, "parent_id", "UUID"),
        ({"content": "x", "options": {"top_p": 2}}, "options.top_p", "from 0 to 1"),
        ({"content": "x", "request_id": "r" * 101}, "request_id", "100"),
    ],
)
def test_what_is_wrong_is_named(ada: Caller, body: Any, field: str, said: str) -> None:
    response = ada.post(f"sessions/{make_session(ada.user).id}/messages", body)
    assert response.status_code == 422
    problem = response.json()["details"]
    assert (problem["field"], said in problem["message"]) == (field, True)
    assert not ChatMessage.objects.exists()


def test_a_send_under_an_unfinished_reply_waits(ada: Caller) -> None:
    session = make_session(ada.user)
    path = f"sessions/{session.id}/messages"
    ada.post(path, {"content": "One"})
    response = ada.post(path, {"content": "Two"})
    assert (response.status_code, response.json()["error_code"]) == (409, "REPLY_IN_PROGRESS")


def test_pages_and_cursors(ada: Caller) -> None:
    session = make_session(ada.user)
    rows = [make_message(session, f"m{number}") for number in range(5)]
    path = f"sessions/{session.id}/messages"
    for query, expected, more in [
        ("page_size=2", ["m0", "m1"], True),
        ("page_size=2&page=3", ["m4"], False),
        (f"page_size=2&after_id={rows[1].id}", ["m2", "m3"], True),
        (f"page_size=2&before_id={rows[3].id}", ["m1", "m2"], True),
        (f"page_size=9&before_id={rows[2].id}", ["m0", "m1"], False),
        (f"before={rows[2].created_at.isoformat().replace('+00:00', 'Z')}", ["m0", "m1"], False),
    ]:
        response = ada.get(f"{path}?{query}")
        assert (contents(response), response.json()["has_more"]) == (expected, more), query
        assert response.json()["total_count"] == 5
    assert ada.get(f"{path}?after_id={uuid4()}").json()["details"]["field"] == "after_id"


def test_a_page_takes_few_queries(ada: Caller, django_assert_max_num_queries: Any) -> None:
    session = make_session(ada.user)
    for number in range(30):
        make_message(session, f"m{number}", reactions={"👍": [str(session.owner_id)]})
    with django_assert_max_num_queries(6):
        assert len(contents(ada.get(f"sessions/{session.id}/messages"))) == 30


def test_ones_own_message_can_be_edited(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user)
    message = make_message(session)
    join(session, bob)
    response = ada.put(f"messages/{message.id}", {"content": "Better"})
    assert (response.status_code, response.json()["content"]) == (200, "Better")
    assert bob.put(f"messages/{message.id}", {"content": "Mine"}).status_code == 403
    assert ada.put(f"messages/{message.id}", {"tokens_used": 3}).json()["details"]["field"] == "tokens_used"
    assert ada.put(f"messages/{message.id}", {}).status_code == 422


def test_services_write_the_rest_unless_a_generation_owns_it(ada: Caller) -> None:
    session = make_session(ada.user)
    service = Caller(scopes=["messages:write"])
    join(session, service)
    reply = make_message(session, "", role=Role.ASSISTANT)
    changes = {"content": "Done", "tokens_used": 3, "response_time_ms": 9, "error_message": None}
    assert service.put(f"messages/{reply.id}", {"is_streaming": True}).json()["status"] == "streaming"
    body = service.put(f"messages/{reply.id}", changes | {"is_streaming": False}).json()
    assert (body["content"], body["tokens_used"], body["response_time_ms"]) == ("Done", 3, 9)
    assert (body["status"], body["is_streaming"]) == ("complete", False)
    owned = make_generation(session).message
    assert service.put(f"messages/{owned.id}", {"tokens_used": 3}).status_code == 409


def test_deleting_keeps_the_thread_together(
    ada: Caller, told: list[tuple[str, object]], django_capture_on_commit_callbacks: Any
) -> None:
    session = make_session(ada.user, message_count=3)
    first = make_message(session)
    second = make_message(session, parent=first)
    third = make_message(session, parent=second)
    with django_capture_on_commit_callbacks(execute=True):
        assert ada.delete(f"messages/{second.id}").status_code == 200
    third.refresh_from_db()
    session.refresh_from_db()
    assert (third.parent_id, session.message_count) == (first.id, 2)
    assert [(event.action, event.message.id) for _, event in told if isinstance(event, MessageUpdate)] == [
        ("deleted", str(second.id))
    ]


def test_who_may_delete(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user, message_count=4)
    message = make_message(session)
    join(session, bob)
    assert bob.delete(f"messages/{message.id}").status_code == 403
    message.author = bob.user
    message.save()
    assert bob.delete(f"messages/{message.id}").status_code == 200
    busy = make_generation(session)
    assert ada.delete(f"messages/{busy.message_id}").status_code == 409
    assert ada.delete(f"messages/{busy.message.parent_id}").status_code == 409


def test_clearing_is_for_the_owner(ada: Caller, bob: Caller) -> None:
    session = make_session(ada.user, message_count=2)
    generation = make_generation(session)
    join(session, bob)
    assert bob.delete(f"sessions/{session.id}/messages").status_code == 403
    cleared = ada.delete(f"sessions/{session.id}/messages").json()
    assert cleared["message"] == "2 messages have been deleted."
    session.refresh_from_db()
    assert (session.message_count, session.messages.count()) == (0, 0)
    assert not Generation.objects.filter(id=generation.id).exists()
    undone = ada.post(f"deletions/{cleared['deletion_id']}/undo")
    assert undone.json() == {"session_id": str(session.id)}
    assert Generation.objects.filter(id=generation.id).exists()


def test_views_are_encoded_once(ada: Caller) -> None:
    session = make_session(ada.user)
    make_message(session, "x", metrics={"ttft_ms": 3})
    message = ada.get(f"sessions/{session.id}/messages").json()["messages"][0]
    assert msgspec.convert(message, MessageView).metrics.ttft_ms == 3


def test_a_tree_is_read_by_branch_and_by_thread(ada: Caller) -> None:
    session = make_session(ada.user)
    first = make_message(session, "1")
    left, right = make_message(session, "1.1", parent=first), make_message(session, "1.2", parent=first)
    leaf = make_message(session, "1.2.1", parent=right)
    make_message(session, "1.1.1", parent=left)

    def contents(query: str) -> tuple[list[str], int]:
        body = ada.get(f"sessions/{session.id}/messages?{query}").json()
        return [row["content"] for row in body["messages"]], body["total_count"]

    assert contents(f"parent_id={first.id}") == (["1.1", "1.2"], 2)
    assert contents(f"leaf_id={leaf.id}") == (["1", "1.2", "1.2.1"], 3)
    assert contents(f"leaf_id={leaf.id}&page_size=2&before_id={leaf.id}") == (["1", "1.2"], 3)
    elsewhere = make_message(make_session(ada.user))
    for name in ("parent_id", "leaf_id"):
        refused = ada.get(f"sessions/{session.id}/messages?{name}={elsewhere.id}")
        assert (refused.status_code, refused.json()["details"]["field"]) == (404, name)

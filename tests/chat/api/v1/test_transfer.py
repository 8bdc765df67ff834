"""Export and import over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.models import ChatMessage, ChatSession, MessageStatus, Role
from tests.support.api import Caller
from tests.support.factories import make_message, make_session

KEPT = ("role", "content", "status", "llm_model", "tokens_used", "metadata", "created_at")


def make_talk(ada: Caller) -> ChatSession:
    session = make_session(ada.user, title="Tea", tags=["t"], settings={"top_k": 3}, system_prompt="Rhyme.")
    question = make_message(session, "Why is a raven like a writing desk?", metadata={"n": 1})
    for text in ("I give up.", "No idea."):
        make_message(session, text, role=Role.ASSISTANT, parent=question, llm_model="m", tokens_used=4)
    make_message(session, "", role=Role.ASSISTANT, parent=question, status=MessageStatus.STREAMING)
    return session


def export(caller: Caller, session: Any, format_: str = "json") -> Any:
    return caller.get(f"sessions/{session.id}/export?format={format_}")


def test_what_was_exported_can_be_imported(ada: Caller, bob: Caller) -> None:
    session = make_talk(ada)
    response = export(ada, session)
    assert response["Content-Disposition"] == f'attachment; filename="session-{session.id}.json"'
    file = json.loads(response.content)
    assert file["schema_version"] == 1
    imported = bob.post("sessions/import", file)
    body = imported.json()
    assert (imported.status_code, body["title"], body["tags"], body["settings"]) == (
        201,
        "Tea",
        ["t"],
        {"top_k": 3},
    )
    assert (body["user_id"], body["message_count"], body["system_prompt"]) == (str(bob.user.id), 4, "Rhyme.")
    copy = bob.get(f"sessions/{body['id']}/messages").json()["messages"]
    file["messages"][-1]["status"] = "cancelled"
    assert [{name: row[name] for name in KEPT} for row in copy] == [
        {name: row[name] for name in KEPT} for row in file["messages"]
    ]
    assert [row["parent_id"] for row in copy] == [None, *[copy[0]["id"]] * 3]
    assert not {row["id"] for row in copy} & {row["id"] for row in file["messages"]}


def test_to_read(ada: Caller) -> None:
    session = make_talk(ada)
    markdown, text = (export(ada, session, format_).content.decode() for format_ in ("md", "txt"))
    assert markdown.startswith("# Tea\n")
    assert f"## {ada.user.username}\n\nWhy is a raven" in markdown
    assert "## Assistant (m)\n\nI give up." in markdown
    assert f"{ada.user.username}:\nWhy is a raven" in text
    assert export(ada, session, "exe").status_code == 422


def test_a_thread_without_parents_is_a_line(ada: Caller) -> None:
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    file = {"schema_version": 1, "session": {}, "messages": said}
    session_id = ada.post("sessions/import", file).json()["id"]
    first, second = ada.get(f"sessions/{session_id}/messages").json()["messages"]
    assert (first["parent_id"], second["parent_id"]) == (None, first["id"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"schema_version": "1"}, "schema_version"),
        ({"messages": [{"role": "king", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "a\0"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "a", "id": "1"}] * 2}, "messages"),
        ({"session": {"settings": {"colour": 1}}}, "settings"),
        ({"session": []}, "session"),
    ],
)
def test_a_file_that_is_wrong_leaves_nothing(ada: Caller, change: Any, field: str) -> None:
    file = {"schema_version": 1, "session": {}, "messages": []} | change
    response = ada.post("sessions/import", file)
    assert (response.status_code, response.json()["details"]["field"]) == (422, field)
    assert not ChatSession.objects.exists()


def test_a_long_export_takes_few_queries(ada: Caller, django_assert_max_num_queries: Any) -> None:
    session = make_session(ada.user)
    for _ in range(20):
        make_message(session)
    with django_assert_max_num_queries(6):
        assert len(json.loads(export(ada, session).content)["messages"]) == 20
    assert ChatMessage.objects.count() == 20

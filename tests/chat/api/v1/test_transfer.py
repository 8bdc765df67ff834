"""Export and import over HTTP."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

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


def test_as_a_pdf(ada: Caller) -> None:
    session = make_session(ada.user, title="Чай ☕")
    make_message(session, "Grüße, κόσμε → мир")
    response = export(ada, session, "pdf")
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    text = PdfReader(BytesIO(response.content)).pages[0].extract_text()
    assert "Чай ☕" in text
    assert "Grüße, κόσμε → мир" in text
    make_message(session, "x" * 300_001)
    refused = export(ada, session, "pdf")
    assert (refused.status_code, refused.json()["details"]["field"]) == (413, "format")


def said(role: str, text: Any, parent: str | None, *children: str, at: float | None = None) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"id": "m", "author": {"role": role}, "content": content, "create_time": at}
    message["metadata"] = {"model_slug": "gpt-5"}
    return {"id": "x", "message": message, "parent": parent, "children": list(children)}


CHATGPT = {
    "title": "Ravens",
    "create_time": 1700000000.5,
    "update_time": 1700000100.0,
    "current_node": "d",
    "mapping": {
        "d": said("assistant", "No idea.", "tool", at=1700000003.0),
        "root": {"id": "root", "message": None, "parent": None, "children": ["hidden"]},
        "hidden": said("system", "", "root", "a"),
        "a": said("user", "Why is a raven like a writing desk?", "hidden", "b", "tool", at=1700000001.0),
        "b": said("assistant", "I give up.", "a", at=1700000002.0),
        "tool": said("tool", "search()", "a", "d"),
    },
}


def test_a_conversation_of_chatgpt_keeps_its_branches(ada: Caller) -> None:
    made = ada.post("sessions/import", CHATGPT)
    assert (made.status_code, made.json()["title"], made.json()["message_count"]) == (201, "Ravens", 3)
    rows = ada.get(f"sessions/{made.json()['id']}/messages").json()["messages"]
    assert [(row["role"], row["content"], row["llm_model"]) for row in rows] == [
        ("user", "Why is a raven like a writing desk?", ""),
        ("assistant", "I give up.", "gpt-5"),
        ("assistant", "No idea.", "gpt-5"),
    ]
    assert [row["parent_id"] for row in rows] == [None, rows[0]["id"], rows[0]["id"]]
    assert rows[0]["created_at"].startswith("2023-11-14T22:13:21")


def test_a_list_is_all_or_nothing(ada: Caller) -> None:
    made = ada.post("sessions/import", [CHATGPT, {"schema_version": 1, "session": {}, "messages": []}])
    assert (made.status_code, made.json()["total_count"]) == (201, 2)
    assert [row["title"] for row in made.json()["sessions"]] == ["Ravens", ""]
    for wrong in ([CHATGPT, {"schema_version": 9}], [], [1]):
        assert ada.post("sessions/import", wrong).status_code == 422
    assert ChatSession.objects.count() == 2


@pytest.mark.parametrize(
    "mapping",
    [
        {"a": {"message": 1}},
        {"a": said("user", "x", None, at=1e300)},
        {"a": said("user", "\0", None)},
        [],
    ],
)
def test_what_is_no_conversation(ada: Caller, mapping: Any) -> None:
    assert ada.post("sessions/import", {"mapping": mapping}).status_code == 422


def test_a_tree_that_bites_its_tail_is_read_once(ada: Caller) -> None:
    mapping = {"a": said("user", "x", None, "b"), "b": said("assistant", "y", "a", "a", "b", "gone")}
    assert ada.post("sessions/import", {"mapping": mapping}).json()["message_count"] == 2

"""Whatever comes in, the answer is an error in the envelope that names the field and the limit."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.models import ChatSession
from tests.support.api import CHAT, Caller
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def session(ada: Caller) -> ChatSession:
    return make_session(ada.user)


def send(caller: Caller, path: str, data: bytes | str, kind: str = JSON, method: str = "POST") -> Any:
    return caller.client.generic(method, f"/api/v1/chat/{path}", data, content_type=kind)


def refusal(response: Any) -> tuple[int, str | None, str]:
    body = response.json()
    assert set(body) == {"error", "error_code", "details", "timestamp"}
    return response.status_code, body["details"]["field"], body["details"]["message"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"content": "\xff"}',
        b"\xef\xbb\xbf{",
        b"{",
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"NaN",
        b'{"content": Infinity}',
        ("[" * 100_000 + "]" * 100_000).encode(),
        ('{"metadata":' + '{"a":' * 20_000 + "1" + "}" * 20_001).encode(),
    ],
)
def test_what_is_no_message(ada: Caller, session: ChatSession, data: bytes) -> None:
    status, _, message = refusal(send(ada, f"sessions/{session.id}/messages", data))
    assert status in (400, 422)
    assert message


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_another_content_type_is_refused(ada: Caller, session: ChatSession, kind: str) -> None:
    status, field, message = refusal(
        send(ada, f"sessions/{session.id}/messages", '{"content": "x", "respond": false}', kind)
    )
    assert (status, field) == (415, "Content-Type")
    assert "application/json" in message


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\u00e4"]
)
@pytest.mark.parametrize("path", [f"{CHAT}sessions/{{id}}/upload", "/v1/files"])
def test_a_form_that_is_none(ada: Caller, session: ChatSession, path: str, kind: str) -> None:
    response = ada.client.generic("POST", path.format(id=session.id), b"--x\r\n", content_type=kind)
    assert response.status_code == 400
    assert "Content-Type" in str(response.json())


FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"content": ""}, "content", "1"),
    ({"content": "x" * 60_001}, "content", "60000"),
    ({"content": "a\0b"}, "content", "U+0000"),
    ({"content": "\ud800"}, "content", "unicode"),
    ({"content": "x", "role": "king"}, "role", "'user'"),
    ({"content": "x", "parent_id": "x"}, "parent_id", "UUID"),
    ({"content": "x", "metadata": {"a": "x" * 20_000}}, "metadata", "16384"),
    ({"content": "x", "metadata": {"a\0": 1}}, "metadata", "U+0000"),
    ({"content": "x", "metadata": {"a": [2**63]}}, "metadata", "too large"),
    ({"content": "x", "metadata": {"a": 10**400}}, "metadata", "too large"),
    ({"content": "x", "request_id": "x" * 101}, "request_id", "100"),
    ({"content": "x", "request_id": "\0"}, "request_id", "U+0000"),
    ({"content": "x", "options": {"temperature": 9}}, "options.temperature", "5"),
    ({"content": "x", "options": {"unheard": 1}}, "options", "unheard"),
    ({"content": "x", "attachments": ["x"]}, "attachments[0]", "UUID"),
    ({"content": "x", "contents": "y"}, "contents", "not permitted"),
    ({"respond": True}, "content", "required"),
]


@pytest.mark.parametrize(("body", "field", "limit"), FIELDS)
def test_the_field_and_its_limit_are_named(
    ada: Caller, session: ChatSession, body: dict[str, Any], field: str, limit: str
) -> None:
    status, named, message = refusal(send(ada, f"sessions/{session.id}/messages", json.dumps(body)))
    assert (status, named) == (422, field)
    assert limit in message


QUERIES = [
    ("sessions?page=0", "page"),
    ("sessions?page=x", "page"),
    ("sessions?page_size=201", "page_size"),
    ("sessions?page=99999999999999999999", "page"),
    ("sessions?user_id=x", "user_id"),
    ("sessions?is_active=perhaps", "is_active"),
    ("sessions?llm_provider=%00", "llm_provider"),
    ("options?model=%00", "model"),
    ("sessions/{id}/messages?before=yesterday", "before"),
    ("sessions/{id}/messages?before=2026-13-01T00:00:00Z", "before"),
    ("sessions/{id}/messages?before=0001-01-01T00:00:00%2B14:00", "before"),
    ("notices?before=9999-12-31T23:59:59-14:00", "before"),
    ("sessions/{id}/messages?after_id=x", "after_id"),
    ("sessions/{id}/messages?before_id=%00", "before_id"),
    ("sessions/{id}/export?format=doc", "format"),
    ("search?q=x&date_from=2026-02-30", "date_from"),
    ("search?q=x&date_to=x", "date_to"),
    ("search?q=x&date_to=9999-12-31T23:59:59-14:00", "date_to"),
    ("search?q=" + "x" * 501, "q"),
    ("generations/{id}/stream?after_seq=-2", "after_seq"),
]


@pytest.mark.parametrize(("path", "field"), QUERIES)
def test_a_bad_query_names_its_parameter(ada: Caller, session: ChatSession, path: str, field: str) -> None:
    assert refusal(ada.get(path.format(id=session.id)))[:2] == (422, field)


@pytest.mark.parametrize(
    "path",
    [
        "sessions/x",
        "sessions/%00",
        "messages/8f7c2a7e-3f10-4c1c-9d58-000000000000x",
        "nothing",
        "sessions/" + "9" * 500,
    ],
)
def test_a_path_that_leads_nowhere_is_404_in_the_envelope(ada: Caller, path: str) -> None:
    assert refusal(ada.get(path))[0] == 404


@pytest.mark.parametrize("path", ["/api/v1/chat/sessions/x", "/v1/nothing", "/v1/"])
def test_such_a_path_refuses_whoever_writes_there_in_the_envelope_too(path: str) -> None:
    response = Client(enforce_csrf_checks=True).delete(path)
    assert (response.status_code, "error" in response.json()) == (404, True)


def test_an_unknown_cursor_is_not_the_beginning(ada: Caller, session: ChatSession) -> None:
    path = f"sessions/{session.id}/messages?after_id={uuid4()}"
    assert refusal(ada.get(path))[:2] == (404, "after_id")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = [
    "content",
    "role",
    "parent_id",
    "metadata",
    "request_id",
    "respond",
    "options",
    "attachments",
    "title",
]
NAMES += ["settings", "tags", "is_active", "username", "scopes", "message", "conversationId", "messages"]
PATHS = ["sessions", "sessions/{id}/messages", "sessions/{id}/participants", "sessions/import", "live"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), body=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4))
def test_no_body_breaks_anything(ada: Caller, session: ChatSession, path: str, body: dict[str, Any]) -> None:
    response = send(ada, path.format(id=session.id), json.dumps(body))
    assert response.status_code < 500
    if response.status_code >= 400:
        refusal(response)

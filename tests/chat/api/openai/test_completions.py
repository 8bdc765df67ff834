"""What is refused before anything is made, and what is kept of what is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from chat.models import ChatSession, Generation
from chat.services.errors import Conflict
from chat.services.programs import start_program_turn
from inference.types import PromptMessage
from tests.support.api import Caller

URL = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("body", "status", "param", "said"),
    [
        ({"messages": HELLO}, 400, "model", "Missing required parameter: 'model'"),
        ({"model": "paced"}, 400, "messages", "Missing"),
        ({"model": "paced", "messages": []}, 400, "messages", "at least 1"),
        ({"model": "nope", "messages": HELLO}, 404, "model", "nope"),
        ({"model": "paced", "messages": HELLO, "colour": 1}, 400, "colour", "Unrecognized request argument"),
        ({"model": "paced", "messages": HELLO, "temperature": 9}, 400, "temperature", "from 0 to 5"),
        ({"model": "paced", "messages": HELLO, "stop": ["x"] * 17}, 400, "stop", "16"),
        ({"model": "paced", "messages": HELLO, "max_tokens": 0}, 400, "max_tokens", "from 1"),
        ({"model": "paced", "messages": [{"role": "user", "content": ""}]}, 400, "messages", "empty"),
        (
            {"model": "paced", "messages": [{"role": "user", "content": "a\0"}]},
            400,
            "messages[0].content",
            "U+0000",
        ),
        ({"model": "paced", "messages": [{"role": "tool", "content": "a"}]}, 400, "messages[0]", "Tools"),
        (b"{", 400, None, "parse"),
    ],
)
def test_refusals(ada: Caller, body: Any, status: int, param: str | None, said: str) -> None:
    response = ada.call("POST", URL, body)
    error = response.json()["error"]
    assert (response.status_code, error["param"], set(error)) == (
        status,
        param,
        {"message", "type", "param", "code"},
    )
    assert said in error["message"]
    assert "x-should-retry" not in response
    assert response["x-request-id"]
    assert not Generation.objects.exists()


def test_an_image_is_refused(ada: Caller) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "x"}}]
    body = {"model": "paced", "messages": [{"role": "user", "content": parts}]}
    response = ada.call("POST", URL, body)
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("messages.0.content")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "code"), [({}, None), ({"Authorization": "Bearer x"}, "invalid_api_key")]
)
def test_nobody(headers: Any, code: str | None) -> None:
    response = Client().get("/v1/models", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)


def test_a_path_that_is_none(ada: Caller) -> None:
    response = ada.get("/v1/nothing")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "invalid_request_error")


def test_too_many_at_once(ada: Caller, settings: Any) -> None:
    settings.MAX_QUEUED_PER_USER = 0
    response = ada.call("POST", URL, {"model": "paced", "messages": HELLO})
    assert (response.status_code, response["Retry-After"]) == (429, "5")
    assert response.json()["error"]["code"] == "rate_limit_exceeded"


def ask(caller: Caller, *, key: str | None = None, fingerprint: str = "f") -> Generation:
    messages = [PromptMessage(role="system", content="Be brief."), PromptMessage(role="user", content="Hi")]
    turn = start_program_turn(
        user=caller.user,
        messages=messages,
        model="paced",
        options={"top_k": 3},
        idempotency_key=key,
        fingerprint=fingerprint,
    )
    return turn.generation


def test_what_was_asked_is_kept_out_of_sight(ada: Caller) -> None:
    row = ask(ada)
    said = list(row.session.messages.values_list("role", "content"))
    assert said == [("system", "Be brief."), ("user", "Hi"), ("assistant", "")]
    assert (row.options["top_k"], row.session.is_hidden, row.message.parent.content) == (3, True, "Hi")  # type: ignore[union-attr]
    row.session.refresh_from_db()
    assert row.session.message_count == 3
    assert ada.get("sessions").json()["total_count"] == 0
    assert ada.get(f"generations/{row.id}").status_code == 200


def test_the_same_key_is_the_same_turn(ada: Caller, bob: Caller) -> None:
    first = ask(ada, key="k")
    assert ask(ada, key="k").id == first.id
    assert ask(bob, key="k").id != first.id
    assert ask(ada).id != first.id
    with pytest.raises(Conflict):
        ask(ada, key="k", fingerprint="g")
    assert ChatSession.objects.count() == 3

"""What is refused before anything is made, and what is kept of what is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from chat.models import ChatSession, Generation
from chat.selectors.conversations import conversation_of
from chat.selectors.programs import find_program_turn, program_turn
from chat.selectors.tool_calls import call_id
from chat.services.errors import Conflict, ReplyInProgress
from chat.services.programs import ProgramRequest, forget_generation, start_program_turn
from inference.types.prompts import PromptMessage
from inference.types.tools import ToolCall
from tests.support.api import Caller, answer_next

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
        (
            {"model": "paced", "messages": HELLO, "max_completion_tokens": 0},
            400,
            "max_completion_tokens",
            "max_completion_tokens must be an integer from 1",
        ),
        ({"model": "paced", "messages": [{"role": "user", "content": ""}]}, 400, "messages", "empty"),
        (
            {"model": "paced", "messages": [{"role": "user", "content": "a\0"}]},
            400,
            "messages[0].content",
            "U+0000",
        ),
        (
            {"model": "paced", "messages": [{"role": "tool", "content": "a"}]},
            400,
            "messages[0].tool_call_id",
            "Missing",
        ),
        ({"model": "paced", "messages": [{"role": "user"}]}, 400, "messages[0].content", "Missing"),
        (b"{", 400, None, "The body is not JSON: see line 1, column 2"),
        (b'{"model": "\xff"}', 400, None, "The body is not UTF-8: see its byte 11"),
        (b'{"model": "paced", "temperature": NaN}', 400, None, "NaN"),
        (b"[" * 100_000, 400, None, "nested too deeply"),
        (
            b'{"model": "paced", "messages": ' + b"[" * 800 + b"]" * 800 + b"}",
            400,
            "messages[0]",
            "",
        ),
        (b'{"seed": ' + b"9" * 9999 + b"}", 400, None, "a number that is too long"),
        (
            {"model": "paced", "messages": [{"role": "user", "content": [{"type": "text"}]}]},
            400,
            "messages[0].content[0].text.text",
            "Missing",
        ),
        (
            {"model": "paced", "messages": HELLO, "tools": [{"type": "web_search"}]},
            400,
            "tools[0]",
            "web_search",
        ),
        ({"model": "paced", "messages": HELLO, "stop": 5}, 400, "stop", "a text"),
        ({"model": "a\0", "messages": HELLO}, 400, "model", "U+0000"),
        ({"model": "paced", "messages": HELLO, "metadata": {"a": "\0"}}, 400, "metadata", "U+0000"),
        (b"[]", 400, "body", "This should be an object"),
        ({"model": "paced", "messages": HELLO, "metadata": {"a": 1}}, 400, "metadata.a", "a text"),
        ({"model": "paced", "messages": HELLO, "logit_bias": {"a": 1}}, 400, "logit_bias", "logit_bias"),
        ({"model": "paced", "messages": HELLO, "grammar": "root ::="}, 400, "grammar", "rule root"),
        (
            {
                "model": "paced",
                "messages": HELLO,
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "f", "parameters": {"not": {}}, "strict": True},
                    }
                ],
            },
            400,
            "tools",
            "the keyword not is not supported",
        ),
        (
            {
                "model": "paced",
                "messages": HELLO,
                "tools": [{"type": "function", "function": {"name": "a b"}}],
            },
            400,
            "tools[0].function.name",
            "match the pattern",
        ),
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


@pytest.mark.parametrize("prompt", ["", ["Once", ""], "a\0", "x" * 2_000_001, []])
def test_a_prompt_is_blamed_by_its_own_name(ada: Caller, prompt: Any) -> None:
    response = ada.call("POST", "/v1/completions", {"model": "paced", "prompt": prompt})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "prompt")


@pytest.mark.parametrize("given", ["a\0", [{"role": "user", "content": ""}]])
def test_so_is_the_input_of_a_response(ada: Caller, given: Any) -> None:
    response = ada.call("POST", "/v1/responses", {"model": "paced", "input": given})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "input")


def test_a_body_of_another_kind(ada: Caller) -> None:
    response = ada.client.post(URL, "model=paced", content_type="text/plain")
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_content_type")


def test_a_body_that_is_too_large(ada: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = ada.call("POST", URL, {"model": "paced", "messages": HELLO * 100})
    assert (response.status_code, response.json()["error"]["type"]) == (413, "invalid_request_error")


def test_an_image_is_refused(ada: Caller) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "x"}}]
    body = {"model": "paced", "messages": [{"role": "user", "content": parts}]}
    response = ada.call("POST", URL, body)
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "messages[0].content")
    assert "'image_url' are not supported" in error["message"]


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


def ask(caller: Caller, **fields: Any) -> list[Generation]:
    messages = [PromptMessage(role="system", content="Be brief."), PromptMessage(role="user", content="Hi")]
    asked: dict[str, Any] = {"conversations": [messages], "model": "paced", "options": {"top_k": 3}}
    asked |= {"fingerprint": "f", "notes": {"kind": "chat.completion"}}
    return start_program_turn(user=caller.user, request=ProgramRequest(**asked | fields))


def test_what_was_asked_is_kept_out_of_sight(ada: Caller) -> None:
    (row,) = ask(ada)
    said = list(row.session.messages.values_list("role", "content"))
    assert said == [("system", "Be brief."), ("user", "Hi"), ("assistant", "")]
    assert (row.options["top_k"], row.session.is_hidden, row.message.parent.content) == (3, True, "Hi")  # type: ignore[union-attr]
    row.session.refresh_from_db()
    assert row.session.message_count == 3
    assert ada.get("sessions").json()["total_count"] == 0
    assert ada.get(f"generations/{row.id}").status_code == 200


def test_the_same_key_is_the_same_turn(ada: Caller, bob: Caller) -> None:
    first = [row.id for row in ask(ada, idempotency_key="k", choices=2)]
    assert [row.id for row in ask(ada, idempotency_key="k", choices=2)] == first
    assert ask(bob, idempotency_key="k")[0].id not in first
    assert ask(ada)[0].id not in first
    with pytest.raises(Conflict):
        ask(ada, idempotency_key="k", fingerprint="g")
    assert ChatSession.objects.count() == 3


def test_several_choices_are_siblings_with_seeds_of_their_own(ada: Caller) -> None:
    rows = ask(ada, choices=3, options={"seed": 2**32 - 1})
    assert [(row.choice, row.options["seed"]) for row in rows] == [(0, 2**32 - 1), (1, 0), (2, 1)]
    assert len({row.message.parent_id for row in rows}) == 1
    assert len({row.message_id for row in rows}) == 3
    assert program_turn(rows[1]) == rows


def test_several_prompts(ada: Caller) -> None:
    prompts = [[PromptMessage("user", text)] for text in "ab"]
    rows = ask(ada, conversations=prompts, choices=2)
    said = [row.message.parent.content for row in rows if row.message.parent]
    assert ([row.choice for row in rows], said) == ([0, 1, 2, 3], ["a", "a", "b", "b"])


def test_more_than_can_ever_wait(ada: Caller, settings: Any) -> None:
    settings.MAX_QUEUED_PER_USER = 3
    response = ada.call("POST", URL, {"model": "paced", "messages": HELLO, "n": 4})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "n")


def test_after_an_earlier_reply(ada: Caller) -> None:
    (first,) = ask(ada)
    with pytest.raises(ReplyInProgress):
        ask(ada, after=first)
    answer_next("Hello")
    first.refresh_from_db()
    (second,) = ask(ada, after=first, conversations=[[PromptMessage("user", "And?")]])
    said = [(message.role, message.content) for message in conversation_of(second)]
    assert said == [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "And?")]
    assert program_turn(second) == [second]


@pytest.mark.parametrize("said", ["2", ""])
def test_calls_and_results_come_back_as_they_were_made(ada: Caller, said: str) -> None:
    tools = {"functions": [{"name": "add"}]}
    (first,) = ask(ada, options={"tools": tools})
    Generation.objects.update(
        options=first.options | {"tools": first.options["tools"] | {"syntax": "hermes"}}
    )
    answer_next('Well <tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>')
    first.refresh_from_db()
    result = PromptMessage("tool", said, tool_call_id=call_id(first.id, 0))
    (second,) = ask(ada, after=first, conversations=[[result]])
    *_, reply, last = conversation_of(second)
    call = ToolCall(id=result.tool_call_id, name="add", arguments='{"a": 1}')
    assert (reply, last) == (PromptMessage("assistant", "Well", (call,)), result)


def test_only_ones_own_of_the_kind_and_not_forgotten(ada: Caller, bob: Caller) -> None:
    (row,) = ask(ada)
    asked: dict[str, Any] = {"generation_id": row.id, "kind": "chat.completion"}
    assert find_program_turn(user_id=ada.user.id, **asked) == [row]
    assert find_program_turn(user_id=bob.user.id, **asked) == []
    assert find_program_turn(user_id=ada.user.id, **asked | {"kind": "response"}) == []
    forget_generation(generation=row)
    assert find_program_turn(user_id=ada.user.id, **asked) == []

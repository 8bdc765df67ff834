"""From OpenAI's parameters to a turn's options."""

from __future__ import annotations

from typing import Any

import pytest

from chat.api.openai.errors import Refusal
from chat.api.openai.options import chat_options, response_options, text_options
from chat.api.openai.response_schemas import ResponseRequest
from chat.api.openai.schemas import ChatRequest, CompletionRequest
from chat.services.options import validate_options

MESSAGES = [{"role": "user", "content": "Hi"}]


def chat(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "m", "messages": MESSAGES} | fields)


def test_what_is_supported_becomes_options() -> None:
    given: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.8,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "top_k": 5,
    }
    given |= {"min_p": 0.1, "typical_p": 0.9, "repeat_penalty": 1.2}
    given |= {
        "context_policy": "compress",
        "context_size": 900,
        "retain_tokens": 300,
        "compression_ratio": 0.5,
    }
    given |= {"compression_ratio": 0.5, "context_turns": 7}
    body = chat(**given, stop="x", seed=2**32 + 7, max_tokens=5, max_completion_tokens=6)
    options = chat_options(body)
    assert options == given | {"stop": ["x"], "seed": 7, "max_tokens": 6}
    assert validate_options(options) == options


def test_minus_one_means_what_llama_server_takes_it_for() -> None:
    options = chat_options(chat(n_predict=-1, top_k=-1, top_n_sigma=-1))
    assert validate_options(options) == {"max_tokens": 1_000_000, "top_k": 0, "top_n_sigma": 0.0}


def test_responses_take_the_context_policies_of_completions() -> None:
    given = {"context_policy": "sliding_window", "context_size": 900, "retain_tokens": 300}
    body = ResponseRequest.model_validate({"model": "m", "input": "Hi", "max_output_tokens": 7} | given)
    assert response_options(body) == given | {"max_tokens": 7}
    assert response_options(body) == chat_options(chat(**given, max_tokens=7))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 1, "logprobs": False, "top_logprobs": 0, "tools": [], "tool_choice": "none"},
        {"response_format": {"type": "text"}, "modalities": ["text"], "functions": []},
        {"user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "cache_prompt": True},
        {"reasoning_effort": "low", "parallel_tool_calls": True, "safety_identifier": "s"},
    ],
)
def test_what_asks_for_nothing_is_taken(fields: Any) -> None:
    assert chat_options(chat(**fields)) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audio", {"voice": "x"}),
        ("modalities", ["audio"]),
        ("functions", [{"name": "f"}]),
    ],
)
def test_what_is_not_supported_is_named(name: str, value: Any) -> None:
    with pytest.raises(Refusal) as refused:
        chat_options(chat(**{name: value}))
    assert (refused.value.param, refused.value.code) == (name, "unsupported_parameter")


TOOLS = [{"type": "function", "function": {"name": name, "strict": None}} for name in ("f", "g")]
F = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("fields", "names", "choice", "parallel"),
    [
        ({}, ["f", "g"], "auto", True),
        ({"tool_choice": "required", "parallel_tool_calls": False}, ["f", "g"], "required", False),
        ({"tool_choice": F}, ["f"], "required", True),
        ({"tool_choice": {"type": "function", "name": "g"}}, ["g"], "required", True),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [F]}}},
            ["f"],
            "auto",
            True,
        ),
    ],
)
def test_tools(fields: Any, names: list[str], choice: str, parallel: bool) -> None:
    tools = chat_options(chat(tools=TOOLS, **fields))["tools"]
    assert [function["name"] for function in tools["functions"]] == names
    assert (tools["choice"], tools["parallel"]) == (choice, parallel)
    assert validate_options({"tools": tools})


@pytest.mark.parametrize("fields", [{"tool_choice": "none"}, {"tools": []}])
def test_no_tools(fields: Any) -> None:
    assert "tools" not in chat_options(chat(**{"tools": TOOLS} | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "some"},
        {"tool_choice": {"type": "function", "function": {"name": "h"}}},
        {"tool_choice": {"type": "function"}},
        {"tools": [], "tool_choice": "required"},
    ],
)
def test_a_choice_that_cannot_be(fields: Any) -> None:
    with pytest.raises(Refusal) as refused:
        chat_options(chat(**{"tools": TOOLS} | fields))
    assert refused.value.param == "tool_choice"


def test_logprobs() -> None:
    assert chat_options(chat(logprobs=True, top_logprobs=3)) == {"logprobs": True, "top_logprobs": 3}
    text = text_options(CompletionRequest(model="m", prompt="x", logprobs=0, n=2, best_of=2))
    assert text == {"logprobs": True, "top_logprobs": 0}
    with pytest.raises(Refusal):
        chat_options(chat(top_logprobs=3))


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"logit_bias": {"5": -100}}, {"logit_bias": {"5": -100.0}}),
        ({"grammar": 'root ::= "x"'}, {"grammar": {"gbnf": 'root ::= "x"'}}),
        ({"n_predict": 7}, {"max_tokens": 7}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "schema": SCHEMA,
                    "strict": True,
                    "partial": True,
                }
            },
        ),
        (
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            {"response_format": {"type": "json_schema", "schema": SCHEMA, "strict": False, "partial": False}},
        ),
        (
            {"json_schema": SCHEMA},
            {"response_format": {"type": "json_schema", "schema": SCHEMA, "strict": False, "partial": False}},
        ),
    ],
)
def test_what_binds_the_form(fields: Any, options: Any) -> None:
    assert chat_options(chat(**fields)) == options
    assert validate_options(options)


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"type": "xml"}, "response_format.type"),
        ({}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "response_format.json_schema"),
    ],
)
def test_a_form_that_is_none(wanted: Any, param: str) -> None:
    with pytest.raises(Refusal) as refused:
        chat_options(chat(response_format=wanted))
    assert refused.value.param == param


@pytest.mark.parametrize(("name", "value"), [("echo", True), ("suffix", "x"), ("best_of", 2)])
def test_nor_for_plain_completions(name: str, value: Any) -> None:
    with pytest.raises(Refusal):
        text_options(CompletionRequest(model="m", prompt="x", **{name: value}))

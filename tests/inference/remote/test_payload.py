"""Which of our options a provider is sent, under what names, and which it cannot do without."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.remote.payload import BINDING, find_refusal, ignored_options, make_payload
from inference.remote.problems import read_retry_after
from inference.remote.routes import Route
from inference.types.context import ContextShift
from inference.types.forms import GrammarSpec, ResponseFormat
from inference.types.prompts import PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams
from inference.types.tools import FunctionSpec, ToolUse
from tests.support.engine import make_request

ASKED: dict[str, Any] = {
    "grammar": GrammarSpec(gbnf='root ::= "a"'),
    "logit_bias": {5: 1.5},
    "stop_token_ids": (2,),
    "ignore_eos": True,
    "min_tokens": 3,
    "logprobs": True,
}


def route(**fields: Any) -> Route:
    return Route(id="1", provider="p", model="theirs", base_url="http://p", **fields)


def payload(where: Route, *, said: str = "", said_tokens: int = 0, **sampling: Any) -> dict[str, Any]:
    request = GenerationRequest(
        request_id="r",
        prompt_ids=[],
        messages=[PromptMessage("system", "Be kind."), PromptMessage("user", "Hi")],
        sampling=SamplingParams(**sampling),
    )
    return make_payload(where, request, said=said, said_tokens=said_tokens)


def test_defaults_are_openais_alone() -> None:
    assert set(payload(route(), seed=3)) == {
        *("model", "messages", "stream", "stream_options", "max_tokens", "seed"),
        *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    }


def test_further_options_go_under_the_providers_names_or_not_at_all() -> None:
    names = {"top_k": "top_k", "repeat_penalty": "repetition_penalty", "temperature": ""}
    sent = payload(route(accepts=names), top_k=7, repeat_penalty=1.2, min_p=0.3, temperature=1)
    assert (sent["top_k"], sent["repetition_penalty"]) == (7, 1.2)
    assert not {"min_p", "repeat_penalty", "temperature"} & set(sent)
    assert ignored_options(route(accepts=names), make_request("r", [], top_k=7, min_p=0.3)) == ("min_p",)
    assert ignored_options(route(), make_request("r", [])) == ()
    shifting = make_request("r", [], shift=ContextShift(keep=0))
    assert ignored_options(route(), shifting) == ("context_shift",)


def test_functions_are_told_as_openai_has_them() -> None:
    functions = (
        FunctionSpec(name="now"),
        FunctionSpec(name="add", description="Adds.", parameters={"type": "object"}, strict=True),
    )
    tools = ToolUse(functions=functions, choice="required", parallel=False)
    request = GenerationRequest(request_id="r", prompt_ids=[], sampling=SamplingParams(), tools=tools)
    sent = make_payload(route(), request, said="", said_tokens=0)

    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert [each["function"] for each in sent["tools"]] == [
        {"name": "now"},
        {"name": "add", "description": "Adds.", "parameters": {"type": "object"}, "strict": True},
    ]


@pytest.mark.parametrize("name", BINDING)
def test_what_binds_the_reply_is_refused_unless_the_provider_takes_it(name: str) -> None:
    sampling = SamplingParams(**{name: ASKED[name]})
    refusal = find_refusal(route(), sampling)
    assert refusal is not None
    assert name in refusal.message
    assert find_refusal(route(accepts={name: name}), sampling) is None
    assert find_refusal(route(), SamplingParams()) is None


def test_a_grammar_and_a_bias_in_plain_json() -> None:
    sent = payload(
        route(accepts={"grammar": "grammar", "logit_bias": "logit_bias"}),
        grammar=ASKED["grammar"],
        logit_bias={5: 1.5},
    )
    assert (sent["grammar"], sent["logit_bias"]) == ('root ::= "a"', {"5": 1.5})


def test_the_form_of_the_reply() -> None:
    assert payload(route(), response_format=ResponseFormat(type="json_object"))["response_format"] == {
        "type": "json_object"
    }
    schema = ResponseFormat(type="json_schema", schema={"type": "object"}, strict=False)
    assert payload(route(), response_format=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": {"type": "object"}, "strict": False},
    }


def test_a_continuation_has_what_was_said_and_asks_for_the_rest() -> None:
    where = route(continuation="prefix", accepts={"max_tokens": "max_completion_tokens"})
    sent = payload(where, said="Once", said_tokens=4, max_tokens=10)
    assert sent["messages"][-1] == {"role": "assistant", "content": "Once", "prefix": True}
    assert sent["max_completion_tokens"] == 6
    assert payload(where, said="Once", said_tokens=40, max_tokens=10)["max_completion_tokens"] == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3), ("0.5", 0.5), ("-1", 0), ("999999", 3600), ("nan", None), ("", None), ("soon", None)],
)
def test_retry_after_in_seconds(header: str, seconds: float | None) -> None:
    assert read_retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert read_retry_after("Wed, 21 Oct 2065 07:28:00 GMT") == 3600


@given(st.text(max_size=40))
def test_retry_after_is_never_a_surprise(header: str) -> None:
    seconds = read_retry_after(header)
    assert seconds is None or 0 <= seconds <= 3600

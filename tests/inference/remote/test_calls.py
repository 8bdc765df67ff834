"""Streamed calls of functions become text that the parser of our own models' replies reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.prompt import UNCOUNTED
from inference.remote import RemoteEngine
from inference.remote.calls import CallWriter, Fragment, Named
from inference.tool_calls import SYNTAXES, read_reply
from inference.tool_calls.parser import Call
from inference.types.context import ContextPolicy, Dropped
from inference.types.errors import InferenceError
from inference.types.events import Failed, Finished
from inference.types.prompts import PromptMessage
from inference.types.tools import FunctionSpec, ToolUse
from tests.inference.remote.conftest import Client
from tests.support.provider import HEAD, StubProvider
from tests.support.provider import Call as Request

TOOLS = ToolUse(functions=(FunctionSpec(name="add"), FunctionSpec(name="now")))
Start = Callable[..., StubProvider]

names = st.from_regex(r"[a-zA-Z0-9_.-]{1,20}", fullmatch=True)
values = st.text(max_size=8) | st.integers()
objects = st.dictionaries(st.text(max_size=5), values, max_size=3).map(json.dumps)


def streamed(*fragments: dict[str, Any]) -> Callable[[Request], Any]:
    """A provider that says a little and then calls."""

    async def script(call: Request) -> None:
        await call.send(HEAD)
        await call.say("Let me see.")
        for fragment in fragments:
            await call.frame(choices=[{"index": 0, "delta": {"tool_calls": [fragment]}}])
        await call.finish("tool_calls")

    return script


@given(st.lists(st.tuples(names, objects), min_size=1, max_size=4), st.integers(1, 9), st.booleans())
def test_whatever_the_pieces_the_calls_are_what_was_called(
    calls: list[tuple[str, str]], size: int, counted: bool
) -> None:
    writer, text = CallWriter(), "Sure. "
    for at, (name, arguments) in enumerate(calls):
        index = at if counted else 0
        text += writer.write([Fragment(index=index, function=Named(name=name, arguments=""))])
        for start in range(0, len(arguments), size):
            piece = Named(arguments=arguments[start : start + size])
            text += writer.write([Fragment(index=index, function=piece)])
    said, read = read_reply(text + writer.finish(), SYNTAXES["hermes"])

    assert said == "Sure."
    assert read == [Call(name, arguments) for name, arguments in calls]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    writer = CallWriter()
    text = writer.write([Fragment(function=Named(name="now")), Fragment(index=1, function=Named(name="now"))])

    assert read_reply(text + writer.finish(), SYNTAXES["hermes"])[1] == [Call("now", "{}")] * 2


def test_calls_arrive_and_stop_strings_do_not_cut_them(client: Client, start: Start) -> None:
    start().scripts.append(
        streamed(
            {"index": 0, "id": "x", "function": {"name": "add", "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"a": "stop'}},
            {"index": 0, "function": {"arguments": ' here"}'}},
        )
    )
    text, end = client.ask(tools=TOOLS, stop=("stop",))

    assert isinstance(end, Finished)
    assert end.finish_reason == "stop"
    assert read_reply(text, SYNTAXES["hermes"]) == ("Let me see.", [Call("add", '{"a": "stop here"}')])


def test_calls_that_nobody_asked_for_are_not_told(client: Client, start: Start) -> None:
    start().scripts.append(streamed({"index": 0, "function": {"name": "add", "arguments": "{}"}}))

    assert client.ask()[0] == "Let me see."


def test_nobody_goes_on_in_the_middle_of_a_call(client: Client, start: Start) -> None:
    async def lost(call: Request) -> None:
        await call.send(HEAD)
        await call.frame(choices=[{"delta": {"tool_calls": [{"function": {"name": "add"}}]}}])
        call.writer.transport.abort()

    stub = start(continuation="assistant")
    stub.scripts.append(lost)
    text, end = client.ask(tools=TOOLS)

    assert isinstance(end, Failed)
    assert (end.code, end.retryable) == ("provider_interrupted", True)
    assert client.ask(tools=TOOLS, said=text)[1] == end
    assert len(stub.calls) == 1


def test_tools_and_turns_need_no_tokens_and_other_policies_do(client: Client) -> None:
    engine: RemoteEngine = client.engine
    said = [PromptMessage("user", "1"), PromptMessage("assistant", "2"), PromptMessage("user", "3")]
    prompt = engine.prepare(said, tools=TOOLS, policy=ContextPolicy(kind="last_turns", turns=1))

    assert (prompt.syntax, prompt.grammar) == ("hermes", None)
    assert (prompt.messages, prompt.dropped) == (said[2:], Dropped(messages=2))
    with pytest.raises(InferenceError) as refused:
        engine.prepare(said, policy=ContextPolicy(kind="compress"))
    assert refused.value.message == UNCOUNTED % {"policy": "compress"}

"""Chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.api.openai.choices import End, wait_for_choices
from chat.api.openai.replies import CHAT, TEXT, reply_chunks, timings_of, whole_reply
from chat.models import Generation
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed
from chat.realtime.protocol.views import GenerationError, TokenAlternative, TokenLogprob
from tests.support.told import IDS, METRICS, USAGE, ended, make_row, read_frame

ROW = make_row()
END = ended("timeout", 1)


async def frames(**kwargs: Any) -> list[tuple[str, Any]]:
    """(event, data) of every frame."""
    found = []
    rows, shape = kwargs.pop("rows", [ROW]), kwargs.pop("shape", CHAT)
    async for frame in reply_chunks(rows, shape, include_usage=kwargs.pop("usage", False), **kwargs):
        fields = read_frame(frame)
        data = fields["data"]
        found.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


async def test_a_reply(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), DeltaEvent(**IDS, seq=1, text=""), END]
    first, text, last, usage, done = [data for _, data in await frames(usage=True)]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text["choices"] == [
        {"index": 0, "logprobs": None, "finish_reason": None, "delta": {"content": "Hi"}}
    ]
    assert (last["choices"][0]["finish_reason"], last["choices"][0]["delta"]) == ("length", {})
    assert last["timings"]["prompt_n"] == 5
    assert (usage["choices"], usage["usage"]["prompt_tokens_details"]) == ([], {"cached_tokens": 4})
    assert done == "[DONE]"
    assert {chunk["usage"] for chunk in (first, text, last)} == {None}


async def test_without_usage_there_is_none(events: list[Any]) -> None:
    events += [END]
    assert all("usage" not in data for _, data in await frames())


async def test_a_failure_is_an_event_and_no_end(events: list[Any]) -> None:
    error = GenerationError(code="engine_crashed", message="It broke.", retryable=True)
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), GenerationFailed(**IDS, error=error)]
    told = await frames()
    assert told[-1] == (
        "error",
        {
            "error": {
                "message": "It broke.",
                "type": "server_error",
                "param": None,
                "code": "engine_crashed",
            }
        },
    )
    assert "[DONE]" not in [data for _, data in told]


@pytest.mark.parametrize(("shape", "param"), [(CHAT, "messages"), (TEXT, "prompt")])
async def test_what_is_too_long_is_named_as_it_was_asked(events: list[Any], shape: Any, param: str) -> None:
    error = GenerationError(code="context_length_exceeded", message="It is too long.", retryable=False)
    events += [GenerationFailed(**IDS, error=error)]
    assert (await frames(shape=shape))[-1][1]["error"]["param"] == param


async def test_plain_completions(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), END]
    told = [data for _, data in await frames(shape=TEXT)]
    assert [data["choices"][0]["text"] for data in told[:-1]] == ["Hi", ""]
    assert {data["object"] for data in told[:-1]} == {"text_completion"}


@pytest.mark.parametrize(
    ("ours", "called", "theirs"),
    [
        ("stop", False, "stop"),
        ("cancelled", False, "stop"),
        ("timeout", False, "length"),
        ("length", True, "length"),
        ("stop", True, "tool_calls"),
    ],
)
def test_reasons_that_clients_know(ours: str, called: bool, theirs: str) -> None:
    assert End(ended(ours), called).finish_reason == theirs


async def ids(rows: list[Generation], **kwargs: Any) -> list[str]:
    return [read_frame(frame).get("id", "") async for frame in reply_chunks(rows, CHAT, **kwargs)]


async def test_a_frame_tells_where_the_stream_is(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=seq, text="a") for seq in range(3)] + [END]
    assert await ids([ROW]) == ["", "0", "1", "2", "", ""]
    assert await ids([ROW], after=[0]) == ["1", "2", "", ""]
    told = [data for _, data in await frames(after=[1])]
    assert [data["choices"][0]["delta"] for data in told[:-1]] == [{"content": "a"}, {}]


async def test_several_choices(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), END]
    rows = [ROW, make_row(1)]
    assert (await ids(rows))[-1] == ""
    assert max(await ids(rows)) == "0,0"
    told = [data for _, data in await frames(rows=rows, usage=True)]
    assert {data["id"] for data in told[:-1]} == {f"chatcmpl-{ROW.id.hex}"}
    for number in range(2):
        mine = [data["choices"][0] for data in told[:-2] if data["choices"][0]["index"] == number]
        assert [choice["finish_reason"] for choice in mine] == [None, None, "length"]
    assert told[-2]["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


def entry(token: str) -> TokenLogprob:
    other = TokenAlternative(token="x", bytes=[120], logprob=-2.0)
    return TokenLogprob(token=token, bytes=list(token.encode()), logprob=-0.5, top=[other])


async def test_logprobs(events: list[Any]) -> None:
    events += [
        DeltaEvent(**IDS, seq=0, text="", logprobs=[entry("H")]),
        DeltaEvent(**IDS, seq=1, text="Hi", logprobs=[entry("i")]),
        END,
    ]
    row = make_row(logprobs=True)
    chunks = [data["choices"][0] for _, data in await frames(rows=[row]) if data != "[DONE]"]
    expected = [
        {
            "token": token,
            "bytes": [ord(token)],
            "logprob": -0.5,
            "top_logprobs": [{"token": "x", "bytes": [120], "logprob": -2.0}],
        }
        for token in "Hi"
    ]
    found = [each for chunk in chunks if chunk["logprobs"] for each in chunk["logprobs"]["content"]]
    assert found == expected
    assert [chunk["delta"].get("content") for chunk in chunks] == ["", "", "Hi", None]
    wholes = await wait_for_choices([row])
    assert whole_reply(wholes, CHAT)["choices"][0]["logprobs"]["content"] == expected
    legacy = whole_reply(wholes, TEXT)["choices"][0]["logprobs"]
    assert legacy == {
        "tokens": ["H", "i"],
        "token_logprobs": [-0.5, -0.5],
        "top_logprobs": [{"x": -2.0}, {"x": -2.0}],
        "text_offset": [0, 1],
    }


CALLING = ["Well <tool", '_call>\n{"name": "add", "argum', 'ents": {"a"', ": 1}}\n</tool_call>"]


async def test_calls(events: list[Any]) -> None:
    told_events = [DeltaEvent(**IDS, seq=seq, text=text) for seq, text in enumerate(CALLING)]
    events += [*told_events, ended("stop", 3)]
    row = make_row(tools={"functions": [{"name": "add"}]})
    told = [data["choices"][0] for _, data in await frames(rows=[row]) if data != "[DONE]"]
    deltas = [choice["delta"] for choice in told]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert "".join(delta.get("content", "") for delta in deltas) == "Well"
    assert (calls[0]["type"], calls[0]["function"]) == ("function", {"name": "add", "arguments": ""})
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a": 1}'
    assert told[-1]["finish_reason"] == "tool_calls"
    (choice,) = whole_reply(await wait_for_choices([row]), CHAT)["choices"]
    assert choice["message"]["content"] == "Well"
    assert choice["message"]["tool_calls"] == [
        {"id": calls[0]["id"], "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    ]
    resumed = [data["choices"][0] for _, data in await frames(rows=[row], after=[2]) if data != "[DONE]"]
    assert resumed[0]["delta"] == {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}


async def test_without_logprobs_or_calls_a_whole_reply_is_plain(events: list[Any]) -> None:
    events += [DeltaEvent(**IDS, seq=0, text="Hi"), END]
    (choice,) = whole_reply(await wait_for_choices([ROW]), CHAT)["choices"]
    message = {"role": "assistant", "content": "Hi", "refusal": None}
    assert choice == {"index": 0, "logprobs": None, "finish_reason": "length", "message": message}


def test_timings_leave_out_the_queue() -> None:
    timings = timings_of(USAGE, METRICS)
    assert (timings["prompt_ms"], timings["prompt_per_second"], timings["predicted_ms"]) == (50, 100.0, 100)
    assert timings["prompt_per_token_ms"] == 10
    assert timings["predicted_per_token_ms"] == round(100 / USAGE.completion_tokens, 2)

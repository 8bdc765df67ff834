"""The events of a response."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from chat.api.openai.choices import wait_for_choices
from chat.api.openai.response_events import response_frames
from chat.api.openai.response_objects import ended_response
from chat.models import Generation
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed
from chat.realtime.protocol.views import GenerationError, TokenLogprob
from tests.support.told import IDS, ended, make_row, read_frame

ROW = make_row()
CALLING = ['Well <tool_call>\n{"name": "add", "argum', 'ents": {"a"', ": 1}}\n</tool_call>"]
ADAPTER: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def says(*texts: str) -> list[DeltaEvent]:
    return [DeltaEvent(**IDS, seq=seq, text=text) for seq, text in enumerate(texts)]


async def told(row: Generation = ROW, after: int = -1) -> list[Any]:
    found = []
    async for frame in response_frames(row, after=after):
        fields = read_frame(frame)
        data = json.loads(fields["data"])
        assert (fields["event"], fields["id"]) == (data["type"], str(data["sequence_number"]))
        ADAPTER.validate_python(data, strict=False)
        found.append(data)
    return found


async def test_a_text(events: list[Any]) -> None:
    events += [*says("He", "", "llo"), ended("stop", 2)]
    found = await told()
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in found] == list(range(10))
    last = found[-1]["response"]
    assert (last["status"], last["output"][0]["content"][0]["text"]) == ("completed", "Hello")
    assert last["usage"]["input_tokens_details"]["cached_tokens"] == 4
    assert found[-2]["item"] == last["output"][0]


async def test_a_lost_stream_goes_on(events: list[Any]) -> None:
    events += [*says("He", "llo"), ended("stop", 1)]
    whole = await told()
    for number in range(len(whole)):
        assert await told(after=number) == whole[number + 1 :]


async def test_calls(events: list[Any]) -> None:
    events += [*says(*CALLING), ended("stop", 2)]
    row = make_row(tools={"functions": [{"name": "add"}]})
    found = await told(row)
    kinds = [event["type"].removeprefix("response.") for event in found]
    assert kinds[5:-1] == [
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    message, call = found[-1]["response"]["output"]
    assert message["content"][0]["text"] == "Well"
    assert (call["name"], call["arguments"], call["status"]) == ("add", '{"a": 1}', "completed")
    (whole,) = await wait_for_choices([row])
    assert ended_response(row, whole) == found[-1]["response"]


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("cancelled", "cancelled", None),
    ],
)
async def test_what_is_not_complete(events: list[Any], reason: str, status: str, why: Any) -> None:
    events += [*says("He"), ended(reason)]
    last = (await told())[-1]
    assert (last["type"], last["response"]["status"]) == ("response.incomplete", status)
    assert last["response"]["incomplete_details"] == why
    assert last["response"]["output"][0]["status"] == "incomplete"
    Response.model_validate(last["response"])


async def test_nothing_said_is_an_empty_message(events: list[Any]) -> None:
    events += [ended("stop")]
    assert (await told())[-1]["response"]["output"][0]["content"][0]["text"] == ""


async def test_a_failure_is_told_twice_and_ends_it(events: list[Any]) -> None:
    error = GenerationError(code="engine_crashed", message="It broke.", retryable=True)
    events += [*says("He"), GenerationFailed(**IDS, error=error)]
    *_, told_error, failed = await told()
    assert (told_error["type"], told_error["code"]) == ("error", "engine_crashed")
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "It broke."}
    assert failed["response"]["output"][0]["content"][0]["text"] == "He"


async def test_logprobs(events: list[Any]) -> None:
    token = TokenLogprob(token="H", bytes=[72], logprob=-0.5, top=[])
    events += [DeltaEvent(**IDS, seq=0, text="H", logprobs=[token]), ended("stop")]
    found = await told(make_row(logprobs=True))
    entry = {"token": "H", "bytes": [72], "logprob": -0.5, "top_logprobs": []}
    assert [event["logprobs"] for event in found if "logprobs" in event] == [[entry], [entry]]
    assert found[-1]["response"]["output"][0]["content"][0]["logprobs"] == [entry]

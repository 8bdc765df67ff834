"""OpenAI's own Python package."""

from __future__ import annotations

import json
import time
from typing import Any, Literal
from uuid import uuid4

import openai
import pytest
from openai.types import Batch
from pydantic import BaseModel

TALK: Any = [{"role": "user", "content": "Hello"}]
BATCH_WITHIN_S = 60.0
ENDED = ("completed", "failed", "expired", "cancelled")


class Roll(BaseModel):
    """A die."""

    sides: Literal[6, 20]


@pytest.fixture
def client() -> openai.OpenAI:
    return openai.OpenAI(max_retries=0)


@pytest.fixture
def asked(model: str) -> dict[str, Any]:
    return {"model": model, "messages": TALK, "max_tokens": 40, "temperature": 0}


def test_a_whole_reply_and_the_same_as_a_stream(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    whole = client.chat.completions.create(**asked)
    stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    *chunks, last = stream
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content
    assert last.usage is not None
    assert whole.usage is not None
    assert last.usage.total_tokens == whole.usage.total_tokens


async def test_async(asked: dict[str, Any]) -> None:
    async with openai.AsyncOpenAI(max_retries=0) as client:
        whole = await client.chat.completions.create(**asked)
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content


def test_the_streaming_helper(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    with client.chat.completions.stream(**asked, n=2) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert len(final.choices) == 2


def test_parse(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    reply = client.chat.completions.parse(**asked | {"max_tokens": 200}, response_format=Roll)
    assert isinstance(reply.choices[0].message.parsed, Roll)
    response = client.responses.parse(model=asked["model"], input="Hello", text_format=Roll)
    assert isinstance(response.output_parsed, Roll)


def test_parse_of_what_is_cut_off(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    with pytest.raises(openai.LengthFinishReasonError) as cut:
        client.chat.completions.parse(**asked | {"max_tokens": 2}, response_format=Roll)
    assert cut.value.completion.choices[0].message.content
    short = client.chat.completions.stream(**asked | {"max_tokens": 2}, response_format=Roll)
    with short as stream, pytest.raises(openai.LengthFinishReasonError):
        stream.until_done()


def test_streamed_calls_of_functions(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    forced = {"tools": [openai.pydantic_function_tool(Roll, name="roll")], "tool_choice": "required"}
    with client.chat.completions.stream(**asked | {"max_tokens": 200}, **forced) as stream:
        fragments = "".join(
            event.arguments_delta for event in stream if event.type == "tool_calls.function.arguments.delta"
        )
        calls = stream.get_final_completion().choices[0].message.tool_calls or []
    assert fragments == "".join(call.function.arguments for call in calls)
    assert isinstance(calls[0].function.parsed_arguments, Roll)


def test_responses(client: openai.OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input="Hello", temperature=0) as stream:
        kinds = [event.type for event in stream]
        first = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    second = client.responses.create(model=model, input="And?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert client.responses.retrieve(first.id).output_text == first.output_text
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


def test_embeddings_are_the_same_in_both_encodings(client: openai.OpenAI, model: str) -> None:
    texts = ["A ship", "A harbour"]
    packed = client.embeddings.create(model=model, input=texts)  # base64, unless asked otherwise
    plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding)


def test_a_batch_from_file_to_file(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    url = "/v1/chat/completions"
    lines = [{"custom_id": f"n{n}", "method": "POST", "url": url, "body": asked} for n in range(3)]
    content = "\n".join(map(json.dumps, lines)).encode()
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=url, completion_window="24h")
    ended = wait_for(client, batch.id)
    assert (ended.status, ended.request_counts and ended.request_counts.completed) == ("completed", 3)
    assert ended.output_file_id is not None
    said = [json.loads(line) for line in client.files.content(ended.output_file_id).text.splitlines()]
    assert {line["custom_id"] for line in said} == {"n0", "n1", "n2"}
    assert ended.id in [each.id for each in client.batches.list(limit=5)]
    assert client.files.delete(file.id).deleted


def test_refusals(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**asked | {"model": "none"})
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**asked | {"temperature": 9})
    assert refused.value.param == "temperature"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(api_key="pk_no").models.list()


def test_a_repeated_key_is_the_same_reply(client: openai.OpenAI, asked: dict[str, Any]) -> None:
    named = {"extra_headers": {"Idempotency-Key": str(uuid4())}}
    first, again = (client.chat.completions.create(**asked, **named) for _ in range(2))
    assert first.id == again.id
    with pytest.raises(openai.ConflictError):
        client.chat.completions.create(**asked | {"max_tokens": 5}, **named)


def wait_for(client: openai.OpenAI, batch_id: str) -> Batch:
    """The batch once it has ended."""
    end = time.monotonic() + BATCH_WITHIN_S
    while (batch := client.batches.retrieve(batch_id)).status not in ENDED:
        assert time.monotonic() < end, batch
        time.sleep(0.2)
    return batch

"""The official `openai` package against a running deployment."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import httpx2
import openai
import pytest
from pydantic import BaseModel, Field

from tests.support.chat_client import create_api_key
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

HELLO: list[Any] = [
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
]


@pytest.fixture
def client(paced_stack: Stack, paced_key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{paced_stack.url}/v1", api_key=paced_key) as client:
        yield client


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["paced"]
    assert client.models.retrieve("paced").owned_by == "parley"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-9")
    assert refused.value.code == "model_not_found"


def test_a_whole_reply(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="paced", messages=HELLO, max_completion_tokens=6, temperature=0, seed=-1
    )
    reply = raw.parse()
    assert reply.object == "chat.completion"
    assert reply.id.startswith("chatcmpl-")
    assert reply.model == "paced"
    [choice] = reply.choices
    assert (choice.finish_reason, choice.message.role) == ("length", "assistant")
    assert choice.message.content
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 6
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 6
    assert reply.usage.prompt_tokens_details is not None
    assert raw.headers["x-should-retry"] == "false"
    assert raw.headers["x-request-id"]


def test_a_stream_says_the_same(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "paced", "messages": HELLO, "max_tokens": 20, "seed": 3}
    whole = client.chat.completions.create(**asked)
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-2:] == [None, "length"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == 20
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_streaming_helper(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "paced", "messages": HELLO, "max_tokens": 30, "seed": 3}
    text = client.chat.completions.create(**asked).choices[0].message.content or ""
    with client.chat.completions.stream(**asked, stop=text[10:13]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert kinds[-1] == "content.done"
    assert text.startswith(final.choices[0].message.content or "-")


async def test_async(paced_stack: Stack, paced_key: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{paced_stack.url}/v1", api_key=paced_key) as client:
        stream = await client.chat.completions.create(
            model="paced", messages=HELLO, max_tokens=5, stream=True
        )
        reasons = [chunk.choices[0].finish_reason async for chunk in stream]
    assert reasons[-1] == "length"


def test_completions(client: openai.OpenAI) -> None:
    reply = client.completions.create(model="paced", prompt="Once upon a time", max_tokens=5)
    assert (reply.object, reply.choices[0].finish_reason) == ("text_completion", "length")
    chunks = list(
        client.completions.create(model="paced", prompt="Once upon a time", max_tokens=5, stream=True)
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == reply.choices[0].text


def test_stop_strings(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "paced", "messages": HELLO, "max_tokens": 30, "seed": 3}
    text = client.chat.completions.create(**asked).choices[0].message.content or ""
    stop = text[10:13]
    short = client.chat.completions.create(**asked, stop=stop)
    assert short.choices[0].finish_reason == "stop"
    assert short.choices[0].message.content == text[: text.index(stop)]


@pytest.mark.parametrize(
    ("extra", "error", "param"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
        ({"n": 0}, openai.BadRequestError, "n"),
        ({"tool_choice": "required"}, openai.BadRequestError, "tool_choice"),
        ({"top_logprobs": 3}, openai.BadRequestError, "top_logprobs"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"not": {}}},
                }
            },
            openai.BadRequestError,
            "response_format",
        ),
        ({"extra_body": {"colour": "red"}}, openai.BadRequestError, "colour"),
    ],
)
def test_refusals(client: openai.OpenAI, extra: Any, error: type[openai.APIStatusError], param: str) -> None:
    asked: dict[str, Any] = {"model": "paced", "messages": HELLO} | extra
    with pytest.raises(error) as refused:
        client.chat.completions.create(**asked)
    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")


def test_a_wrong_key(paced_stack: Stack) -> None:
    client = openai.OpenAI(base_url=f"{paced_stack.url}/v1", api_key="pk_wrong")
    with client, pytest.raises(openai.AuthenticationError) as refused:
        client.models.list()
    assert refused.value.code == "invalid_api_key"


def test_a_conversation_too_long_for_the_window(client: openai.OpenAI) -> None:
    long: Any = [{"role": "user", "content": "word " * 20_000}]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="paced", messages=long)
    assert refused.value.code == "context_length_exceeded"
    with pytest.raises(openai.APIError) as failed:
        list(client.chat.completions.create(model="paced", messages=long, stream=True))
    assert failed.value.code == "context_length_exceeded"


def test_the_same_key_is_the_same_reply(client: openai.OpenAI) -> None:
    def ask(content: str) -> str:
        reply = client.chat.completions.create(
            model="paced",
            messages=[{"role": "user", "content": content}],
            max_tokens=5,
            extra_headers={"Idempotency-Key": "k1"},
        )
        return reply.id

    assert ask("Hello") == ask("Hello")
    with pytest.raises(openai.ConflictError):
        ask("Goodbye")


def test_a_lost_stream_can_be_followed_by_id(
    client: openai.OpenAI, paced_stack: Stack, paced_key: str
) -> None:
    stream = client.chat.completions.create(model="paced", messages=HELLO, max_tokens=40, stream=True)
    generation = stream.response.headers["x-generation-id"]
    next(iter(stream))
    stream.close()
    headers = {"Authorization": f"Bearer {paced_key}"}
    url = f"{paced_stack.url}/api/v1/chat/generations/{generation}"
    assert '"type":"done"' in httpx2.get(f"{url}/stream", headers=headers, timeout=60).text
    row = wait_until(lambda: httpx2.get(url, headers=headers).json(), what="the generation")
    assert (row["status"], row["usage"]["completion_tokens"]) == ("succeeded", 40)
    sessions = httpx2.get(f"{paced_stack.url}/api/v1/chat/sessions?page_size=200", headers=headers).json()
    assert row["session_id"] not in {session["id"] for session in sessions["sessions"]}


def test_a_lost_stream_goes_on_where_it_was(
    client: openai.OpenAI, paced_stack: Stack, paced_key: str
) -> None:
    asked: dict[str, Any] = {"model": "paced", "messages": HELLO, "max_tokens": 40, "n": 2, "seed": 1}
    headers = {"Authorization": f"Bearer {paced_key}", "Idempotency-Key": "lost"}
    url = f"{paced_stack.url}/v1/chat/completions"
    with httpx2.stream("POST", url, json=asked | {"stream": True}, headers=headers) as response:
        heard = list(itertools.islice(_events(response), 12))
    last = [cursor for cursor, _ in heard if cursor][-1]
    identity = heard[0][1]["id"]
    headers["Last-Event-ID"] = last
    with httpx2.stream("GET", f"{url}/{identity}?stream=true", headers=headers, timeout=60) as response:
        rest = list(_events(response))
    whole = httpx2.get(f"{url}/{identity}", headers=headers, timeout=60).json()
    for number in range(2):
        said = "".join(_said(data, number) for _, data in [*heard, *rest])
        assert said == whole["choices"][number]["message"]["content"]
    assert whole["usage"]["completion_tokens"] == 80


def _events(response: httpx2.Response) -> Iterator[tuple[str, Any]]:
    """(id, data) of every event with data."""
    cursor = ""
    for line in response.iter_lines():
        if line.startswith("id: "):
            cursor = line.removeprefix("id: ")
        elif line.startswith("data: {"):
            yield cursor, json.loads(line.removeprefix("data: "))
            cursor = ""


def _said(data: Any, number: int) -> str:
    mine = [choice for choice in data["choices"] if choice["index"] == number]
    return "".join(choice["delta"].get("content") or "" for choice in mine)


def test_responses(client: openai.OpenAI) -> None:
    first = client.responses.create(model="paced", input="Hello", max_output_tokens=5, metadata={"a": "b"})
    assert (first.status, first.metadata) == ("incomplete", {"a": "b"})
    assert first.incomplete_details is not None
    assert first.output_text
    assert client.responses.retrieve(first.id).output_text == first.output_text
    second = client.responses.create(
        model="paced", input="And?", previous_response_id=first.id, max_output_tokens=5, instructions="Rhyme."
    )
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    assert (second.instructions, second.previous_response_id) == ("Rhyme.", first.id)
    (item,) = client.responses.input_items.list(second.id).data
    assert item.model_dump()["content"][0]["text"] == "And?"
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="paced", input="And?", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"


def test_a_streamed_response_can_be_read_again_from_any_event(client: openai.OpenAI) -> None:
    with client.responses.stream(model="paced", input="Hello", max_output_tokens=20) as stream:
        kinds = [event.type for event in stream]
    # The helper raises for what is not complete, so the events say it all.
    assert (kinds[0], kinds[-1]) == ("response.created", "response.incomplete")
    events = list(client.responses.create(model="paced", input="Hello", max_output_tokens=9, stream=True))
    last: Any = events[-1]
    assert last.response.output_text
    again = client.responses.retrieve(last.response.id, stream=True, starting_after=3)
    assert [event.to_dict() for event in again] == [event.to_dict() for event in events[4:]]


def test_a_response_in_the_background_can_be_stopped(client: openai.OpenAI) -> None:
    asked = client.responses.create(model="paced", input="Hello", max_output_tokens=3000, background=True)
    assert asked.status == "queued"
    assert client.responses.cancel(asked.id).status == "cancelled"
    foreground = client.responses.create(model="paced", input="Hello", max_output_tokens=2)
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(foreground.id)


def test_a_response_that_is_not_stored(client: openai.OpenAI) -> None:
    reply = client.responses.create(model="paced", input="Hello", max_output_tokens=2, store=False)
    assert reply.output_text
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(reply.id)


@pytest.fixture(scope="module")
def llama(stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=create_api_key(stack)) as client:
        yield client


@pytest.fixture
def model(llama: openai.OpenAI) -> str:
    return llama.models.list().data[0].id


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    age: Annotated[int, Field(ge=0, le=9)]


class AddPet(BaseModel):
    """Remember a pet."""

    kind: Literal["cat", "dog"]


TOOLS: Any = [openai.pydantic_function_tool(AddPet)]


def test_structured_output(llama: openai.OpenAI, model: str) -> None:
    reply = llama.chat.completions.parse(model=model, messages=HELLO, response_format=Pet, seed=1)
    assert isinstance(reply.choices[0].message.parsed, Pet)
    answer = llama.responses.parse(model=model, input="A pet?", text_format=Pet)
    assert isinstance(answer.output_parsed, Pet)
    with pytest.raises(openai.LengthFinishReasonError) as cut:
        llama.chat.completions.parse(model=model, messages=HELLO, response_format=Pet, seed=1, max_tokens=2)
    (choice,) = cut.value.completion.choices
    assert (choice.finish_reason, bool(choice.message.content)) == ("length", True)
    form: Any = {"type": "json_schema", "name": "pet", "schema": Pet.model_json_schema(), "strict": True}
    asked: dict[str, Any] = {"model": model, "input": "A pet?", "text": {"format": form}}
    short = llama.responses.create(**asked, max_output_tokens=2)
    assert (short.status, bool(short.output_text)) == ("incomplete", True)
    assert short.incomplete_details is not None
    assert short.incomplete_details.reason == "max_output_tokens"
    loose = llama.chat.completions.create(
        model=model, messages=HELLO, response_format={"type": "json_object"}, max_tokens=200, seed=3
    )
    assert (loose.choices[0].message.content or "").lstrip().startswith("{")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "AddPet"}}])
def test_tools(llama: openai.OpenAI, model: str, choice: Any) -> None:
    asked: dict[str, Any] = {"model": model, "messages": HELLO, "tools": TOOLS, "tool_choice": choice}
    asked |= {"parallel_tool_calls": False, "seed": 1}
    reply = llama.chat.completions.parse(**asked).choices[0]
    assert (reply.finish_reason, reply.message.content) == ("tool_calls", None)
    (call,) = reply.message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, AddPet)
    with llama.chat.completions.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion().choices[0]
    assert "tool_calls.function.arguments.done" in kinds
    assert final.message.tool_calls is not None
    assert final.message.tool_calls[0].function.arguments == call.function.arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "done"}
    after: Any = [*HELLO, reply.message.to_dict(), result]
    last = llama.chat.completions.create(model=model, messages=after, tools=TOOLS, max_tokens=20)
    assert last.usage is not None
    assert last.usage.prompt_tokens > 100


def test_tools_of_responses(llama: openai.OpenAI, model: str) -> None:
    tool: Any = {
        "type": "function",
        "name": "AddPet",
        "parameters": AddPet.model_json_schema(),
        "strict": True,
    }
    asked: dict[str, Any] = {"model": model, "tools": [tool], "parallel_tool_calls": False}
    first = llama.responses.create(**asked, input="Add my cat.", tool_choice="required")
    (call,) = [item for item in first.output if item.type == "function_call"]
    AddPet.model_validate_json(call.arguments)
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "done"}
    second = llama.responses.create(
        **asked, input=[output], previous_response_id=first.id, tool_choice="none", max_output_tokens=20
    )
    assert second.output_text


def test_choices_and_logprobs(llama: openai.OpenAI, model: str) -> None:
    asked: dict[str, Any] = {"model": model, "messages": HELLO, "max_tokens": 8, "n": 2, "seed": 5}
    asked |= {"logprobs": True, "top_logprobs": 2, "temperature": 1.5}
    reply = llama.chat.completions.create(**asked)
    assert [choice.index for choice in reply.choices] == [0, 1]
    for choice in reply.choices:
        assert choice.logprobs is not None
        entries = choice.logprobs.content or []
        assert (
            bytes(byte for entry in entries for byte in entry.bytes or []).decode() == choice.message.content
        )
        assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in entries)
    with llama.chat.completions.stream(**asked) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert [choice.message.content for choice in final.choices] == [
        choice.message.content for choice in reply.choices
    ]
    streamed, whole = final.choices[0].logprobs, reply.choices[0].logprobs
    assert streamed is not None
    assert whole is not None
    assert [entry.token for entry in streamed.content or []] == [entry.token for entry in whole.content or []]


def test_logit_bias_and_grammar(llama: openai.OpenAI, model: str) -> None:
    asked: dict[str, Any] = {"model": model, "messages": HELLO, "max_tokens": 5, "temperature": 0}
    plain = llama.chat.completions.create(**asked).choices[0].message.content
    assert llama.chat.completions.create(**asked, logit_bias={"300": 100}).choices[0].message.content != plain
    bound = llama.chat.completions.create(**asked, extra_body={"grammar": 'root ::= "yes"'})
    assert bound.choices[0].message.content == "yes"


def test_embeddings(llama: openai.OpenAI, model: str) -> None:
    plain = llama.embeddings.create(model=model, input=["heron", "river"], encoding_format="float")
    packed = llama.embeddings.create(model=model, input=["heron", "river"])  # base64 on the wire
    assert [each.embedding for each in packed.data] == [each.embedding for each in plain.data]
    assert sum(value * value for value in plain.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert plain.data[0].embedding != plain.data[1].embedding
    assert plain.usage.prompt_tokens == plain.usage.total_tokens > 0
    with pytest.raises(openai.BadRequestError, match="Input 1 has"):
        llama.embeddings.create(model=model, input=["fine", "far too long " * 2000])
    with pytest.raises(openai.BadRequestError, match="lose their meaning"):
        llama.embeddings.create(model=model, input="heron", dimensions=2)


def test_with_llama(stack: Stack) -> None:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=create_api_key(stack)) as client:
        model = client.models.list().data[0].id
        asked: dict[str, Any] = {"model": model, "messages": HELLO, "max_tokens": 12, "temperature": 0}
        whole = client.chat.completions.create(**asked)
        stream = client.chat.completions.create(**asked, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        raw = client.completions.create(model=model, prompt="Once upon", max_tokens=4, temperature=0)
    assert text == whole.choices[0].message.content
    assert whole.usage is not None
    assert 0 < whole.usage.completion_tokens <= 12
    assert raw.usage is not None
    assert raw.usage.prompt_tokens < whole.usage.prompt_tokens

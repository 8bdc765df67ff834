"""The official `openai` package against a running deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

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
        ({"n": 2}, openai.BadRequestError, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, openai.BadRequestError, "tools"),
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

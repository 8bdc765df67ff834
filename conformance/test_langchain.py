"""langchain-openai."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

TALK = [SystemMessage("You are terse."), HumanMessage("Hello")]


class Pet(BaseModel):
    """A pet."""

    kind: Literal["cat", "dog"]


@tool
def add_pet(kind: Literal["cat", "dog"]) -> str:
    """Remember a pet."""
    return f"a {kind}"


@pytest.fixture
def chat(model: str) -> ChatOpenAI:
    return ChatOpenAI(model=model, max_tokens=200, temperature=0, seed=1, max_retries=0)


def test_invoke(chat: ChatOpenAI) -> None:
    reply = chat.invoke(TALK)
    assert reply.text
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] > 0


def test_stream(chat: ChatOpenAI) -> None:
    chunks = list(chat.stream(TALK, stream_usage=True))
    assert "".join(chunk.text for chunk in chunks) == chat.invoke(TALK).text
    assert any(chunk.usage_metadata for chunk in chunks)


async def test_async(chat: ChatOpenAI) -> None:
    assert (await chat.ainvoke(TALK)).text == "".join([chunk.text async for chunk in chat.astream(TALK)])


def test_batch(chat: ChatOpenAI) -> None:
    first, second = chat.batch([TALK, TALK])
    assert first.text == second.text


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(chat: ChatOpenAI, method: Any) -> None:
    assert isinstance(chat.with_structured_output(Pet, method=method).invoke(TALK), Pet)


def test_tools(chat: ChatOpenAI) -> None:
    bound = chat.bind_tools([add_pet], tool_choice="any", parallel_tool_calls=False)
    reply = bound.invoke(TALK)
    (call,) = reply.tool_calls
    assert call["name"] == "add_pet"
    streamed: Any = None
    for chunk in bound.stream(TALK):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.tool_calls[0]["args"] == call["args"]
    result = add_pet.invoke(call)
    assert isinstance(result, ToolMessage)
    assert chat.invoke([*TALK, reply, result]).response_metadata["finish_reason"] in ("stop", "length")


def test_logprobs(chat: ChatOpenAI) -> None:
    reply = chat.bind(logprobs=True, top_logprobs=2).invoke(TALK)
    assert len(reply.response_metadata["logprobs"]["content"][0]["top_logprobs"]) == 2


def test_responses_api(model: str) -> None:
    chat = ChatOpenAI(model=model, use_responses_api=True, temperature=0, max_retries=0)
    reply = chat.invoke(TALK)
    assert isinstance(reply, AIMessage)
    assert reply.text
    assert "".join(chunk.text for chunk in chat.stream(TALK)) == reply.text

"""litellm."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

TALK: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "roll",
        "parameters": {"properties": {"sides": {"enum": [6, 20]}}, "required": ["sides"]},
    },
}


@pytest.fixture
def asked(model: str) -> dict[str, Any]:
    return {
        "model": f"openai/{model}",
        "messages": TALK,
        "temperature": 0,
        "max_tokens": 60,
        "num_retries": 0,
    }


def test_a_reply(asked: dict[str, Any]) -> None:
    reply: Any = litellm.completion(**asked)
    assert reply.choices[0].message.content
    assert reply.usage.total_tokens > 0


def test_a_stream(asked: dict[str, Any]) -> None:
    whole: Any = litellm.completion(**asked)
    chunks: Any = litellm.completion(**asked, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content


async def test_async(asked: dict[str, Any]) -> None:
    reply: Any = await litellm.acompletion(**asked, n=2)
    assert len(reply.choices) == 2


def test_tools(asked: dict[str, Any]) -> None:
    reply: Any = litellm.completion(**asked, tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
    (call,) = reply.choices[0].message.tool_calls
    assert call.function.name == "roll"
    assert reply.choices[0].finish_reason == "tool_calls"


def test_a_form(asked: dict[str, Any]) -> None:
    schema = {"name": "x", "schema": TOOL["function"]["parameters"] | {"type": "object"}, "strict": True}
    reply: Any = litellm.completion(**asked, response_format={"type": "json_schema", "json_schema": schema})
    assert "sides" in reply.choices[0].message.content


def test_a_refusal(asked: dict[str, Any]) -> None:
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(**asked | {"temperature": 9})
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(**asked | {"model": "openai/none"})

"""What `responses` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chat.api.openai.errors import Refusal
from chat.api.openai.messages import ROLES, refuse_media
from chat.api.openai.schemas import Context
from chat.api.openai.tools import FunctionIn, ToolChoice, refuse_hosted
from chat.api.parsing import Name, Typed, example
from inference.types.prompts import PromptMessage
from inference.types.tools import ToolCall


class InputText(Typed):
    """A piece of a message."""

    type: Literal["input_text", "output_text", "text"]
    text: str


class InputRefusal(Typed):
    """What an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


Part = Annotated[InputText | InputRefusal, Field(discriminator="type")]


class MessageItem(Typed):
    """A message of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Annotated[str | list[Part], BeforeValidator(refuse_media)]


class CallItem(Typed):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class OutputItem(Typed):
    """What a call returned."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[InputText]


class ReasoningItem(Typed):
    """Taken, and left out of the prompt."""

    type: Literal["reasoning"]


Item = MessageItem | CallItem | OutputItem | ReasoningItem
ITEMS = ("message", "function_call", "function_call_output", "reasoning")


def refuse_strange(given: Any) -> Any:
    """An item as it is, unless it is of a kind that does not exist here."""
    kind = given.get("type") if isinstance(given, dict) else None
    if isinstance(kind, str) and kind not in ITEMS:
        message = "items of type '{kind}' are not supported"
        raise PydanticCustomError("unsupported_item", message, {"kind": kind})
    return given


InputItem = Annotated[Item, BeforeValidator(refuse_strange)]


class FunctionTool(FunctionIn):
    """A function; the only kind of tool there is."""

    type: Literal["function"]


class TextFormat(Typed):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    form: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class TextConfig(Typed):
    """How the answer is to be written."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ResponseRequest(Context):
    """The body of `responses`."""

    model_config = example(model="$MODEL", input="Hello")

    model: Annotated[Name, Field(min_length=1, max_length=100)]
    input: Annotated[str | list[InputItem], Field(min_length=1)]
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = False
    background: bool | None = False
    store: bool | None = True
    metadata: dict[str, str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: list[str] | None = None
    tools: list[Annotated[FunctionTool, BeforeValidator(refuse_hosted)]] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    # taken and without effect here
    user: str | None = None
    truncation: Literal["auto", "disabled"] | None = None
    reasoning: dict[str, Any] | None = None
    max_tool_calls: int | None = None
    stream_options: dict[str, Any] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, Any] | None = None


def input_messages(given: str | Sequence[Item]) -> list[PromptMessage]:
    """The input as prompts are made of it; calls that stand together are one message's. Raises `Refusal`."""
    if isinstance(given, str):
        return [PromptMessage(role="user", content=given)]
    messages: list[PromptMessage] = []
    for item in given:
        if isinstance(item, CallItem):
            call = ToolCall(id=item.call_id, name=item.name, arguments=item.arguments)
            before = messages.pop() if messages and messages[-1].role == "assistant" else None
            said, calls = (before.content, before.tool_calls) if before else ("", ())
            messages.append(PromptMessage("assistant", said, (*calls, call)))
        elif isinstance(item, OutputItem):
            messages.append(PromptMessage("tool", _text(item.output), tool_call_id=item.call_id))
        elif isinstance(item, MessageItem):
            messages.append(PromptMessage(ROLES[item.role], _text(item.content)))
    if not messages:
        raise Refusal("'input' holds nothing to answer.", param="input")
    return messages


def _text(content: str | Sequence[InputText | InputRefusal]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text if isinstance(part, InputText) else part.refusal for part in content)

"""Messages of a conversation as OpenAI's clients send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chat.api.openai.errors import missing
from chat.api.parsing import Typed
from inference.types.prompts import PromptMessage, SpeakerRole
from inference.types.tools import ToolCall

ROLES: dict[str, SpeakerRole] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def refuse_media(given: Any) -> Any:
    """Content as it is, unless a part of it is an image, a sound or a file."""
    kinds = [part.get("type") for part in given if isinstance(part, dict)] if isinstance(given, list) else []
    for kind in kinds:
        if isinstance(kind, str) and not kind.endswith(("text", "refusal")):
            raise PydanticCustomError(
                "unsupported_part", "parts of type '{kind}' are not supported", {"kind": kind}
            )
    return given


class TextPart(Typed):
    """The only kind of content part that is supported."""

    type: Literal["text"]
    text: str


class RefusalPart(Typed):
    """What an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


Part = Annotated[TextPart | RefusalPart, Field(discriminator="type")]


class CalledFunction(Typed):
    """A function's name, and its arguments as JSON."""

    name: str
    arguments: str


class CallIn(Typed):
    """A call that the assistant made."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class MessageIn(Typed):
    """A message of the conversation; unknown fields, such as `name`, are ignored."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | list[Part] | None, BeforeValidator(refuse_media)] = None
    tool_calls: list[CallIn] | None = None
    tool_call_id: str | None = None


def conversation(messages: Sequence[MessageIn]) -> list[PromptMessage]:
    """The messages as prompts are made of them. Raises `Refusal`."""
    return [_message(message, f"messages[{number}]") for number, message in enumerate(messages)]


def _message(message: MessageIn, param: str) -> PromptMessage:
    if message.role == "tool" and not message.tool_call_id:
        raise missing(f"{param}.tool_call_id")
    if message.content is None and not (message.role == "assistant" and message.tool_calls):
        raise missing(f"{param}.content")
    calls = message.tool_calls if message.role == "assistant" and message.tool_calls else []
    return PromptMessage(
        role=ROLES[message.role],
        content=_text(message.content),
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments) for call in calls
        ),
        tool_call_id=message.tool_call_id or "" if message.role == "tool" else "",
    )


def _text(content: str | Sequence[TextPart | RefusalPart] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)

"""What the OpenAI-compatible API takes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

from chat.api.openai.errors import Refusal
from chat.services.options import FIELDS


class Strict(Schema):
    """A body in which OpenAI refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class TextPart(Schema):
    """The only kind of content part that is supported."""

    type: Literal["text"]
    text: str


class MessageIn(Schema):
    """A message of the conversation; unknown fields, such as `name`, are ignored."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None
    tool_calls: list[Any] | None = None


class StreamOptions(Schema):
    """`include_usage` adds a chunk with the usage of the whole reply."""

    include_usage: bool = False


class Sampling(Strict):
    """What both kinds of completion take. Extensions are llama-server's."""

    model: Annotated[str, Field(min_length=1, max_length=100)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = 1
    user: str | None = None
    # not supported yet: refused unless they ask for nothing
    logit_bias: dict[str, float] | None = None
    # extensions
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    grammar: str | None = None
    ignore_eos: bool | None = None
    cache_prompt: bool | None = None


class ChatRequest(Sampling):
    """The body of `chat/completions`."""

    messages: Annotated[list[MessageIn], Field(min_length=1)]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    functions: list[Any] | None = None
    function_call: str | dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    modalities: list[str] | None = None
    web_search_options: dict[str, Any] | None = None
    # taken and without effect here
    parallel_tool_calls: bool | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    prediction: dict[str, Any] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None


class CompletionRequest(Sampling):
    """The body of `completions`."""

    prompt: str | list[str] | list[int] | list[list[int]]
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: int | None = None


PLAIN = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("top_k", "min_p", "typical_p", "repeat_penalty", "ignore_eos"),
)
NOTHING: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "grammar": ("",),
    "ignore_eos": (False,),
    "echo": (False,),
    "suffix": ("",),
    "audio": (),
    "web_search_options": (),
}


def options_of(body: Sampling) -> dict[str, Any]:
    """The turn's options. Raises `Refusal` for what is not supported, naming the parameter."""
    given = body.dict(exclude_none=True)
    for name, harmless in NOTHING.items():
        if name in given and given[name] in harmless:
            del given[name]
    for name in NOTHING:
        if name in given and not (name in PLAIN and name in FIELDS):
            raise Refusal(f"'{name}' is not supported here yet.", param=name, code="unsupported_parameter")
    options = {name: given[name] for name in PLAIN if name in given}
    limit = given.get("max_completion_tokens", given.get("max_tokens"))
    if limit is not None:
        options["max_tokens"] = limit
    if "stop" in given:
        options["stop"] = [given["stop"]] if isinstance(given["stop"], str) else given["stop"]
    if "seed" in given:
        options["seed"] = given["seed"] % 2**32  # OpenAI's may be any integer
    return options

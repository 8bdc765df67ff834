"""What the OpenAI-compatible API takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from chat.api.openai.messages import MessageIn
from chat.api.openai.tools import ToolChoice, ToolIn, refuse_hosted
from chat.api.parsing import Name, Typed, example


class Strict(Typed):
    """A body in which OpenAI refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class StreamOptions(Typed):
    """`include_usage` adds a chunk with the usage of the whole reply."""

    include_usage: bool | None = False
    include_obfuscation: bool | None = None


class Context(Strict):
    """Ours: what a conversation that is too long for the model becomes, as a turn's options have it."""

    context_policy: str | None = None
    context_turns: int | None = None
    context_size: int | None = None
    retain_tokens: int | None = None
    compression_ratio: float | None = None
    context_shift: bool | None = None
    shift_keep: int | None = None


class Sampling(Context):
    """What both kinds of completion take. Extensions are llama-server's, and a turn's own `lora`."""

    model: Annotated[Name, Field(min_length=1, max_length=100)]
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
    logit_bias: dict[str, float] | None = None
    # extensions
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    dry_sequence_breakers: list[str] | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    min_tokens: int | None = None
    stop_token_ids: list[int] | None = None
    n_predict: int | None = None
    grammar: str | None = None
    bare_schema: Annotated[dict[str, Any] | None, Field(alias="json_schema")] = None
    ignore_eos: bool | None = None
    lora: str | None = None
    lora_scale: float | None = None
    # taken and without effect here: prompts are always cached
    cache_prompt: bool | None = None
    id_slot: int | None = None
    timings_per_token: bool | None = None


class ChatRequest(Sampling):
    """The body of `chat/completions`."""

    model_config = example(model="$MODEL", messages=[{"role": "user", "content": "Hello"}])

    messages: Annotated[list[MessageIn], Field(min_length=1)]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Annotated[ToolIn, BeforeValidator(refuse_hosted)]] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    # refused unless they ask for nothing
    functions: list[Any] | None = None
    function_call: str | dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    modalities: list[str] | None = None
    web_search_options: dict[str, Any] | None = None
    # taken and without effect here
    service_tier: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    prediction: dict[str, Any] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None


class CompletionRequest(Sampling):
    """The body of `completions`."""

    model_config = example(model="$MODEL", prompt="Once upon a time")

    prompt: str | list[str] | list[int] | list[list[int]]
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

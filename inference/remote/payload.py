"""What is sent to a provider: the conversation, and those of our options that it takes."""

from __future__ import annotations

from typing import Any

import msgspec

from inference.remote.problems import ProviderError, unsupported
from inference.remote.routes import Route
from inference.types.forms import ResponseFormat
from inference.types.prompts import PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams
from inference.types.tools import FunctionSpec, ToolUse

STANDARD = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")
MOST_STOPS = 4
"""OpenAI's limit. We look for all of them ourselves as well."""

BINDING = ("grammar", "logit_bias", "stop_token_ids", "ignore_eos", "min_tokens", "logprobs")
"""Without these the reply would not be what was asked for."""

HERE = ("max_tokens", "stop", "response_format", "top_logprobs")
DEFAULTS = SamplingParams()
SHAPING = tuple(name for name in SamplingParams.__struct_fields__ if name not in {*STANDARD, *BINDING, *HERE})


def find_refusal(route: Route, sampling: SamplingParams) -> ProviderError | None:
    """Why the route cannot take a request at all."""
    asked = [name for name in BINDING if _is_asked(sampling, name) and not route.accepts.get(name)]
    return unsupported(route, asked) if asked else None


def ignored_options(route: Route, request: GenerationRequest) -> tuple[str, ...]:
    """What was asked for and is left out, because the provider has no such option."""
    asked = [name for name in SHAPING if _is_asked(request.sampling, name) and not route.accepts.get(name)]
    return (*asked, *(["context_shift"] if request.shift is not None else []))


def make_payload(route: Route, request: GenerationRequest, *, said: str, said_tokens: int) -> dict[str, Any]:
    """The body of a request that goes on after `said`."""
    sampling = request.sampling
    limit = max(1, sampling.max_tokens - said_tokens)
    payload: dict[str, Any] = {
        "model": route.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        route.accepts.get("max_tokens", "max_tokens"): limit,
    }
    for name in (*STANDARD, *BINDING, *SHAPING):
        sent_as = route.accepts.get(name, name if name in STANDARD else "")
        if sent_as and (name in STANDARD or _is_asked(sampling, name)):
            payload[sent_as] = _plain(getattr(sampling, name))
    if request.tools is not None:
        payload |= _tools(request.tools)
    if sampling.stop:
        payload["stop"] = list(sampling.stop[:MOST_STOPS])
    if sampling.response_format.type != "text":
        payload["response_format"] = _response_format(sampling.response_format)
    if said:
        _continue(route, payload, said)
    return payload


def _continue(route: Route, payload: dict[str, Any], said: str) -> None:
    last: dict[str, Any] = {"role": "assistant", "content": said}
    if route.continuation == "prefix":
        last["prefix"] = True
    if route.continuation == "continue_final_message":
        payload |= {"continue_final_message": True, "add_generation_prompt": False}
    payload["messages"].append(last)


def _message(message: PromptMessage) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        told["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        told["tool_call_id"] = message.tool_call_id
    return told


def _tools(tools: ToolUse) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tools": [{"type": "function", "function": _function(each)} for each in tools.functions],
        "tool_choice": tools.choice,
    }
    return told if tools.parallel else told | {"parallel_tool_calls": False}


def _function(function: FunctionSpec) -> dict[str, Any]:
    told: dict[str, Any] = {"name": function.name}
    if function.description:
        told["description"] = function.description
    if function.parameters is not None:
        told["parameters"] = function.parameters
    return told | {"strict": True} if function.strict else told


def _response_format(form: ResponseFormat) -> dict[str, Any]:
    if form.type == "json_object":
        return {"type": "json_object"}
    schema = {"name": "reply", "schema": form.schema, "strict": form.strict}
    return {"type": "json_schema", "json_schema": schema}


def _is_asked(sampling: SamplingParams, name: str) -> bool:
    return bool(getattr(sampling, name) != getattr(DEFAULTS, name))


def _plain(value: object) -> Any:
    if isinstance(value, msgspec.Struct):
        value = getattr(value, "gbnf", value)
    return msgspec.to_builtins(value, str_keys=True)

"""From OpenAI's parameters, and llama-server's, to a turn's options."""

from __future__ import annotations

from typing import Any

from chat.api.openai.errors import Refusal, missing
from chat.api.openai.response_schemas import ResponseRequest, TextFormat
from chat.api.openai.schemas import ChatRequest, CompletionRequest, Context, Sampling
from chat.api.openai.tools import tool_options
from inference.types.errors import Reason

CONTEXT = tuple(Context.model_fields)
PLAIN = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"),
    *("top_k", "min_p", "typical_p", "top_n_sigma", "dynatemp_range", "dynatemp_exponent"),
    *("xtc_probability", "xtc_threshold", "mirostat", "mirostat_tau", "mirostat_eta"),
    *("repeat_penalty", "repeat_last_n", "dry_multiplier", "dry_base", "dry_allowed_length"),
    *("dry_penalty_last_n", "dry_sequence_breakers", "min_tokens", "stop_token_ids", "ignore_eos"),
    *("lora", "lora_scale"),
    *CONTEXT,
)
LOGPROBS = "message.output_text.logprobs"
LIMITS = ("max_completion_tokens", "max_tokens", "n_predict")
MOST_TOKENS = 1_000_000
LLAMA_SERVERS_MINUS_ONE = {
    "n_predict": MOST_TOKENS,
    "top_k": 0,
    "top_n_sigma": 0.0,
}
"""What -1 means to llama-server: all, or off."""
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "echo": (False,),
    "suffix": ("",),
    "audio": (),
    "web_search_options": (),
}
"""Parameters that are refused unless they ask for nothing, and what asks for nothing."""


def chat_options(body: ChatRequest) -> dict[str, Any]:
    """The turn's options. Raises `Refusal` for what is not supported, naming the parameter."""
    functions = [tool.function for tool in body.tools or []]
    tools = tool_options(functions, body.tool_choice, parallel=body.parallel_tool_calls)
    if body.top_logprobs and not body.logprobs:
        raise Refusal("'top_logprobs' needs 'logprobs'.", param="top_logprobs")
    wanted = {"logprobs": True, "top_logprobs": body.top_logprobs or 0} if body.logprobs else {}
    return _options_of(body) | tools | wanted


def text_options(body: CompletionRequest) -> dict[str, Any]:
    """The same of `completions`, where `logprobs` is a number of alternatives."""
    if body.best_of not in (None, body.n or 1):
        raise Refusal("'best_of' must be the same as 'n'.", param="best_of", code="unsupported_value")
    wanted = {"logprobs": True, "top_logprobs": body.logprobs} if body.logprobs is not None else {}
    return _options_of(body) | wanted


def response_options(body: ResponseRequest) -> dict[str, Any]:
    """The same of `responses`, where OpenAI's names differ."""
    plain: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
    }
    options = {name: value for name, value in plain.items() if value is not None}
    if body.max_output_tokens is not None:
        options["max_tokens"] = _limit("max_output_tokens", body.max_output_tokens)
    if body.instructions:
        options["system_prompt"] = body.instructions
    if body.top_logprobs or LOGPROBS in (body.include or []):
        options |= {"logprobs": True, "top_logprobs": body.top_logprobs or 0}
    context = body.model_dump(include=set(CONTEXT), exclude_none=True)
    tools = tool_options(body.tools or [], body.tool_choice, parallel=body.parallel_tool_calls)
    return options | context | tools | form_option(_text_format(body))


def _options_of(body: Sampling) -> dict[str, Any]:
    given = body.model_dump(exclude_none=True)
    for name, harmless in UNSUPPORTED.items():
        if name in given and given[name] not in harmless:
            why = Reason("'%(name)s' is not supported here.", {"name": name})
            raise Refusal(why, param=name, code="unsupported_parameter")
    given |= {name: meant for name, meant in LLAMA_SERVERS_MINUS_ONE.items() if given.get(name) == -1}
    options = {name: given[name] for name in PLAIN if name in given}
    if limits := [_limit(name, given[name]) for name in LIMITS if name in given]:
        options["max_tokens"] = limits[0]
    if "stop" in given:
        options["stop"] = [given["stop"]] if isinstance(given["stop"], str) else given["stop"]
    if "seed" in given:
        options["seed"] = given["seed"] % 2**32  # OpenAI's may be any integer
    return options | _form(given)


def _limit(name: str, tokens: int) -> int:
    """As it is. Raises `Refusal` under the name that the request has for it."""
    if not 1 <= tokens <= MOST_TOKENS:
        why = Reason("%(name)s must be an integer from 1 to %(most)s.", {"name": name, "most": MOST_TOKENS})
        raise Refusal(why, param=name, code="invalid_options")
    return tokens


def form_option(wanted: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's `response_format` as the turn's option. Raises `Refusal`."""
    match wanted.get("type"):
        case "text":
            return {}
        case "json_schema":
            return {"response_format": _schema(wanted.get("json_schema"))}
        case "json_object" if isinstance(wanted.get("schema"), dict):  # llama-server's way
            return {"response_format": _schema(wanted)}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
    message = "'response_format.type' must be text, json_object or json_schema."
    raise Refusal(message, param="response_format.type", code="invalid_value")


def _text_format(body: ResponseRequest) -> dict[str, Any]:
    wanted = (body.text and body.text.format) or TextFormat()
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    if wanted.form is None:
        raise missing("text.format.schema")
    return {"type": wanted.type, "json_schema": {"schema": wanted.form, "strict": wanted.strict}}


def _form(given: dict[str, Any]) -> dict[str, Any]:
    """What binds the reply's form. llama-server's `json_schema` streams: the grammar alone binds it."""
    forms: dict[str, Any] = {}
    if given.get("grammar"):
        forms["grammar"] = {"gbnf": given["grammar"]}
    if "bare_schema" in given:
        forms["response_format"] = _schema({"schema": given["bare_schema"]})
    return forms | form_option(given.get("response_format", {"type": "text"}))


def _schema(wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("schema"), dict):
        raise missing("response_format.json_schema.schema", param="response_format.json_schema")
    strict = wanted.get("strict") is True
    return {"type": "json_schema", "schema": wanted["schema"], "strict": strict, "partial": strict}

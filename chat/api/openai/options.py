"""From OpenAI's parameters, and llama-server's, to a turn's options."""

from __future__ import annotations

from typing import Any

from chat.api.openai.errors import Refusal
from chat.api.openai.schemas import Sampling

PLAIN = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"),
    *("top_k", "min_p", "typical_p", "top_n_sigma", "dynatemp_range", "dynatemp_exponent"),
    *("xtc_probability", "xtc_threshold", "mirostat", "mirostat_tau", "mirostat_eta"),
    *("repeat_penalty", "repeat_last_n", "dry_multiplier", "dry_base", "dry_allowed_length"),
    *("dry_penalty_last_n", "dry_sequence_breakers", "min_tokens", "stop_token_ids", "ignore_eos"),
)
LIMITS = ("max_completion_tokens", "max_tokens", "n_predict")
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "echo": (False,),
    "suffix": ("",),
    "audio": (),
    "web_search_options": (),
}
"""Parameters that are refused unless they ask for nothing, and what asks for nothing."""


def options_of(body: Sampling) -> dict[str, Any]:
    """The turn's options. Raises `Refusal` for what is not supported, naming the parameter."""
    given = body.dict(exclude_none=True)
    for name, harmless in UNSUPPORTED.items():
        if name in given and given[name] not in harmless:
            raise Refusal(f"'{name}' is not supported here yet.", param=name, code="unsupported_parameter")
    options = {name: given[name] for name in PLAIN if name in given}
    if limits := [given[name] for name in LIMITS if name in given]:
        options["max_tokens"] = limits[0]
    if "stop" in given:
        options["stop"] = [given["stop"]] if isinstance(given["stop"], str) else given["stop"]
    if "seed" in given:
        options["seed"] = given["seed"] % 2**32  # OpenAI's may be any integer
    return options | _form(given)


def _form(given: dict[str, Any]) -> dict[str, Any]:
    """What binds the reply's form. llama-server's `json_schema` streams: the grammar alone binds it."""
    forms: dict[str, Any] = {}
    if given.get("grammar"):
        forms["grammar"] = {"gbnf": given["grammar"]}
    if "bare_schema" in given:
        forms["response_format"] = _schema({"schema": given["bare_schema"]})
    wanted = given.get("response_format", {"type": "text"})
    if wanted.get("type") == "json_schema":
        forms["response_format"] = _schema(wanted.get("json_schema"))
    elif wanted.get("type") == "json_object":
        # llama-server's way to give a schema without a name
        has_schema = isinstance(wanted.get("schema"), dict)
        forms["response_format"] = _schema(wanted) if has_schema else {"type": "json_object"}
    elif wanted != {"type": "text"}:
        message = "'response_format.type' must be text, json_object or json_schema."
        raise Refusal(message, param="response_format.type", code="invalid_value")
    return forms


def _schema(wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("schema"), dict):
        param = "response_format.json_schema"
        raise Refusal(f"Missing required parameter: '{param}.schema'.", param=param)
    strict = wanted.get("strict") is True
    return {"type": "json_schema", "schema": wanted["schema"], "strict": strict}

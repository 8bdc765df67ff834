"""The options of a turn and the settings of a session: one list of keys, one check, one precedence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chat.services.errors import InvalidOptions
from chat.services.text import require_storable
from inference.grammars import check_gbnf, check_schema
from inference.prompt import check_template
from inference.refusals import explain_refusal, find_contradiction
from inference.tool_calls import parameters_of
from inference.types.context import ContextPolicy, ContextShift, PolicyKind
from inference.types.errors import InferenceError
from inference.types.prompts import MAX_TEMPLATE
from inference.types.requests import DEFAULT_RESPONSE_MS
from inference.types.sampling import SamplingParams, StopString, with_seed
from inference.types.tools import ToolUse

ModelName = Annotated[str, Meta(min_length=1, max_length=100)]


class TurnOptions(SamplingParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a turn may set. `max_response_time_ms` ends the reply with finish_reason `timeout`.

    With `tools` a reply may call functions: its text has the calls as its model spells them.
    `context_policy` and the four after it say which messages of a long conversation the model sees: see
    `ContextPolicy`. Without a `context_size` the window is the model's. With `context_shift` a reply goes on
    when the window is full: see `ContextShift`. Without a `shift_keep` the system prompt is kept.
    `lora` names an adapter of the model's, whose effect is multiplied by `lora_scale`.
    Without `content_filter` content rules do not look at the reply; see `chat.bypass_rules`.
    `fallback_models` answer, in this order, while no worker offers the turn's model; without them the
    catalogue says which.
    """

    stop: Annotated[tuple[StopString, ...], Meta(max_length=16)] = ()  # the template's own come on top
    system_prompt: Annotated[str, Meta(max_length=60_000)] = ""
    chat_template: Annotated[str, Meta(max_length=MAX_TEMPLATE)] = ""
    context_policy: PolicyKind = "keep_all"
    context_turns: Annotated[int, Meta(ge=1, le=10_000)] = 10
    context_size: Annotated[int, Meta(ge=64, le=1_048_576)] | None = None
    retain_tokens: Annotated[int, Meta(ge=0, le=1_048_576)] = 2048
    compression_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.7
    context_shift: bool = False
    shift_keep: Annotated[int, Meta(ge=0, le=1_048_576)] | None = None
    lora: Annotated[str, Meta(max_length=100)] = ""
    lora_scale: Annotated[float, Meta(ge=0, le=10)] = 1.0
    fallback_models: Annotated[tuple[ModelName, ...], Meta(max_length=8)] | None = None
    content_filter: bool = True
    max_response_time_ms: Annotated[int, Meta(ge=1, le=86_400_000)] = DEFAULT_RESPONSE_MS
    tools: ToolUse | None = None


FIELDS = frozenset(TurnOptions.__struct_fields__)


def validate_options(raw: object, *, field: str = "options") -> dict[str, Any]:
    """The given options, converted. Raises `InvalidOptions`, which names the option and its range."""
    if not isinstance(raw, dict):
        raise InvalidOptions("%(field)s must be an object.", field=field, values={"field": field})
    for name in raw:
        if name not in FIELDS:
            raise InvalidOptions(
                "%(field)s has no option named '%(name)s'.",
                field=field,
                values={"field": field, "name": str(name)[:50]},
            )
    for name, value in raw.items():
        for text in _texts(value):
            require_storable(text, field=f"{field}.{name}", error=InvalidOptions)
    try:
        options = msgspec.convert(raw, TurnOptions, str_keys=True)
    except msgspec.ValidationError as error:
        wrong, sentence = explain_refusal(error, TurnOptions)
        raise InvalidOptions(sentence, field=f"{field}.{wrong}") from error
    except OverflowError as error:
        raise InvalidOptions(
            "A number in %(field)s is too large.", field=field, values={"field": field}
        ) from error
    _check_form(options, field)
    converted = _to_json(options)
    return {name: converted[name] for name in raw}


def resolve_options(
    *, given: dict[str, Any], session_settings: dict[str, Any], **session: str
) -> dict[str, Any]:
    """Every option of a turn: given by the request, else the session, else the default.

    `session` holds the session's own columns `system_prompt` and `chat_template`. A seed is drawn when
    nobody chose one, so that a later attempt draws the same tokens.
    """
    columns = {name: value for name, value in session.items() if value}
    stored = {name: value for name, value in session_settings.items() if name in FIELDS}
    options = msgspec.convert({**columns, **stored, **given}, TurnOptions, str_keys=True)
    return _to_json(with_seed(options))


def repeatable(recorded: dict[str, Any]) -> dict[str, Any]:
    """The options that a generation ran on, to be given again: without what `tools` put among them."""
    made = {"grammar", "spelled_ids"} if recorded.get("tools") else set()
    options = {name: value for name, value in recorded.items() if name in FIELDS - made}
    if options.get("tools"):
        options["tools"] = options["tools"] | {"syntax": ""}
    return options


def require_template(choice: str, *, field: str) -> None:
    """Raises `InvalidOptions` for a template that no prompt can be made with."""
    if not choice:  # the model's own; reading it for each line of a batch would take most of the time
        return
    try:
        check_template(choice)
    except InferenceError as error:
        raise _refused(error, field) from error


def _check_form(options: TurnOptions, field: str) -> None:
    """Raises `InvalidOptions` for what the engine would refuse."""
    if contradiction := find_contradiction(options):
        raise InvalidOptions(contradiction, field=field)
    if options.tools and (options.grammar or options.response_format.type != "text"):
        raise InvalidOptions(
            "tools cannot be combined with grammar or response_format.", field=f"{field}.tools"
        )
    require_template(options.chat_template, field=f"{field}.chat_template")
    name = "grammar"
    try:
        if options.grammar is not None:
            check_gbnf(options.grammar.gbnf)
        name = "response_format"
        if options.response_format.type == "json_schema":
            check_schema(options.response_format.schema or {})
        name = "tools"
        for function in options.tools.functions if options.tools else ():
            parameters_of(function)
    except InferenceError as error:
        raise _refused(error, f"{field}.{name}") from error


def _refused(error: InferenceError, field: str) -> InvalidOptions:
    if error.reason is None:
        return InvalidOptions(error.message, field=field, code=error.code)
    return InvalidOptions(error.reason.sentence, field=field, code=error.code, values=error.reason.values)


def sampling_from(options: dict[str, Any]) -> SamplingParams:
    """The sampling part of stored options."""
    chosen = {name: options[name] for name in SAMPLING if name in options}
    return msgspec.convert(chosen, SamplingParams, str_keys=True)


def tools_from(options: dict[str, Any]) -> ToolUse | None:
    """The functions of stored options."""
    return msgspec.convert(options.get("tools"), ToolUse | None)


def policy_from(options: dict[str, Any]) -> ContextPolicy:
    """The context policy of stored options."""
    stored = {name: value for name, value in options.items() if name in FIELDS}
    chosen = msgspec.convert(stored, TurnOptions, str_keys=True)
    return ContextPolicy(
        kind=chosen.context_policy,
        turns=chosen.context_turns,
        window=chosen.context_size or 0,
        reply_tokens=chosen.max_tokens,
        retain_tokens=chosen.retain_tokens,
        compression_ratio=chosen.compression_ratio,
        shift=chosen.context_shift,
    )


def shift_from(options: dict[str, Any]) -> ContextShift | None:
    """What stored options say of a full window."""
    if not options.get("context_shift"):
        return None
    retain = options.get("retain_tokens", ContextPolicy().retain_tokens)
    return ContextShift(keep=options.get("shift_keep") or 0, retain=retain)


SAMPLING = SamplingParams.__struct_fields__


def _to_json(options: TurnOptions) -> dict[str, Any]:
    """As the database keeps them: JSON has no keys but texts."""
    converted: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(options))
    return converted


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)

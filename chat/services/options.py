"""The options of a turn and the settings of a session: one list of keys, one check, one precedence."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, inspect

from chat.services.errors import InvalidOptions
from chat.services.text import require_storable
from inference.types import SamplingParams

MAX_SEED = 2**32 - 1


class TurnOptions(SamplingParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a turn may set. `max_response_time_ms` ends the reply with finish_reason `timeout`."""

    system_prompt: Annotated[str, Meta(max_length=60_000)] = ""
    chat_template: Annotated[str, Meta(max_length=100_000)] = ""
    max_response_time_ms: Annotated[int, Meta(ge=1, le=86_400_000)] = 600_000


FIELDS = {field.name: field.type for field in msgspec.structs.fields(TurnOptions)}


def validate_options(raw: object, *, field: str = "options") -> dict[str, Any]:
    """The given options, converted. Raises `InvalidOptions`, which names the option and its range."""
    if not isinstance(raw, dict):
        raise InvalidOptions(f"{field} must be an object.", field=field)
    for name in raw:
        if name not in FIELDS:
            raise InvalidOptions(f"{field} has no option named {str(name)[:50]!r}.", field=field)
    for name, value in raw.items():
        for text in _texts(value):
            require_storable(text, field=f"{field}.{name}", error=InvalidOptions)
    return {name: _convert(name, value, field) for name, value in raw.items()}


def resolve_options(
    *, given: dict[str, Any], session_settings: dict[str, Any], **session: str
) -> dict[str, Any]:
    """Every option of a turn: given by the request, else the session, else the default.

    `session` holds the session's own columns `system_prompt` and `chat_template`. A seed is drawn when
    nobody chose one, so that a later attempt draws the same tokens.
    """
    columns = {name: value for name, value in session.items() if value}
    stored = {name: value for name, value in session_settings.items() if name in FIELDS}
    options = TurnOptions(**{**columns, **stored, **given})
    if options.seed is None:
        options = msgspec.structs.replace(options, seed=secrets.randbelow(MAX_SEED + 1))
    resolved: dict[str, Any] = msgspec.to_builtins(options)
    return resolved


def sampling_from(options: dict[str, Any]) -> SamplingParams:
    """The sampling part of stored options."""
    return msgspec.convert({name: options[name] for name in SAMPLING if name in options}, SamplingParams)


SAMPLING = SamplingParams.__struct_fields__


def _convert(name: str, value: object, field: str) -> object:
    try:
        converted = msgspec.convert(value, FIELDS[name])
    except (msgspec.ValidationError, OverflowError) as error:
        rule = _rule(inspect.type_info(FIELDS[name]))
        raise InvalidOptions(f"{name} must be {rule}.", field=f"{field}.{name}") from error
    return list(converted) if isinstance(converted, tuple) else converted


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _rule(info: inspect.Type) -> str:
    match info:
        case inspect.UnionType():
            return _rule(next(member for member in info.types if not isinstance(member, inspect.NoneType)))
        case inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}"
        case inspect.FloatType() if info.gt is not None:
            return f"a number above {_plain(info.gt)}, at most {_plain(info.le)}"
        case inspect.FloatType():
            return f"a number from {_plain(info.ge)} to {_plain(info.le)}"
        case inspect.StrType():
            return f"text of at most {info.max_length} characters"
    return "a list of at most 16 texts of 1 to 256 characters"


def _plain(number: float | None) -> str:
    return re.sub(r"\.0$", "", str(number))

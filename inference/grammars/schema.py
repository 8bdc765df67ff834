"""Which JSON schemas can bind a reply, and the form in which the grammar's converter takes them.

What the grammar cannot say but a finished text can be checked for (numeric bounds, unless few integers are
between them, `uniqueItems`, sizes above `MAX_SIZE`) is left to that check; a keyword that neither covers is
refused by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from inference.grammars.pattern import translate_pattern
from inference.types.errors import InferenceError, Reason

MAX_SIZE = 1000
"""The largest `minLength` or `minItems`; larger maxima are checked in the finished text only."""

MAX_LISTED = 256
"""Integers between bounds that the grammar says one by one."""

MAX_EXACT = 2**53

MAX_DEPTH = 32
MAX_BYTES = 65_536

_NOTES = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"} | {
    "$schema",
    "$id",
    "$comment",
}
_CHECKED_LATER = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} | {
    "uniqueItems",
    "minProperties",
    "maxProperties",
}
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SIZES = (("minLength", "maxLength"), ("minItems", "maxItems"))
_PLAIN = {"$ref", "type", "enum", "const", "required", "format", "pattern", "items"} | {
    "additionalProperties",
    *(size for pair in _SIZES for size in pair),
}
_VALUES = {"const", "enum", "default", "examples"}
CHOOSING = ("$ref", "anyOf", "oneOf", "const", "enum")
"""Keywords that say by themselves what the value is."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises `InferenceError` (`invalid_schema`) that names the keyword which cannot be compiled."""
    text = schema_text(schema)
    document = json.loads(text)
    try:
        Draft202012Validator.check_schema(document)
        targets = Targets(document)
        for ref in _references(document):
            targets[ref]
    except SchemaError as error:
        why = Reason("The schema is not valid: %(reason)s.", {"reason": error.message[:200]})
        raise InferenceError("invalid_schema", why) from error
    except RecursionError as error:
        raise invalid_schema("it is nested too deeply") from error
    prepare_schema(text)


def schema_text(schema: Mapping[str, Any]) -> str:
    """The schema as JSON. Raises `InferenceError`."""
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid_schema("it is not JSON") from error
    if len(text) > MAX_BYTES:
        raise invalid_schema(f"it is longer than {MAX_BYTES} bytes")
    return text


def prepare_schema(text: str) -> dict[str, Any]:
    """A copy without what the grammar does not need. Raises `InferenceError`."""
    try:
        return _prepare(json.loads(text), 0)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise invalid_schema(str(error)[:120] or "it is nested too deeply") from error


class Targets(dict[str, dict[str, Any]]):
    """The subschemas that `$ref`s lead to, looked up when asked for. Raises `InferenceError`."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__({"#": schema})

    def __missing__(self, ref: str) -> dict[str, Any]:
        target: Any = self["#"]
        for step in ref.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
        if not ref.startswith("#/") or not isinstance(target, dict):
            raise invalid_schema(f"there is nothing at $ref {ref}")
        return target


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        if isinstance(ref := schema.get("$ref"), str):
            yield ref
        for keyword, value in schema.items():
            if keyword not in _VALUES:
                yield from _references(value)


def invalid_schema(reason: str) -> InferenceError:
    """The refusal of a schema."""
    return InferenceError(
        "invalid_schema", Reason("The schema cannot be compiled: %(reason)s.", {"reason": reason})
    )


def _prepare(schema: Any, depth: int) -> dict[str, Any]:
    """A copy without what the grammar does not need. Refuses keywords that nothing would enforce."""
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        raise invalid_schema("a subschema is not an object")
    if depth > MAX_DEPTH:
        raise invalid_schema(f"it is nested more than {MAX_DEPTH} deep")
    prepared: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _MAPS:
            prepared[keyword] = {name: _prepare(each, depth + 1) for name, each in value.items()}
        elif keyword in _LISTS:
            prepared[keyword] = [_prepare(each, depth + 1) for each in value]
        elif keyword in ("items", "additionalProperties") and isinstance(value, dict):
            prepared[keyword] = _prepare(value, depth + 1)
        elif keyword in _PLAIN:
            prepared[keyword] = value
        elif keyword not in _NOTES | _CHECKED_LATER and not keyword.startswith("x-"):
            raise invalid_schema(f"the keyword {keyword} is not supported")
    _check_required(prepared)
    _list_integers(schema, prepared)
    _bound_sizes(prepared)
    _prepare_pattern(prepared)
    return _split_types(prepared)


def _check_required(schema: dict[str, Any]) -> None:
    if schema.get("additionalProperties") or any(word in schema for word in (*CHOOSING, "allOf")):
        return
    missing = set(schema.get("required", ())) - set(schema.get("properties", ()))
    if missing:
        raise invalid_schema(f"required names {min(missing)}, which properties does not describe")


def _list_integers(schema: dict[str, Any], prepared: dict[str, Any]) -> None:
    """The grammar knows no bounds, but may know every integer between them."""
    if schema.get("type") != "integer" or any(word in schema for word in CHOOSING):
        return
    least = _tightest(schema, "minimum", "exclusiveMinimum", max)
    most = _tightest(schema, "maximum", "exclusiveMaximum", min)
    if not max(abs(least), abs(most)) < MAX_EXACT or not 0 <= most - least <= MAX_LISTED:
        return
    listed = range(math.ceil(least), math.floor(most) + 1)
    outside = (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum"))
    if integers := [each for each in listed if each not in outside]:
        del prepared["type"]
        prepared["enum"] = integers


def _tightest(schema: dict[str, Any], bound: str, exclusive: str, choose: Callable[..., float]) -> float:
    given = [schema[word] for word in (bound, exclusive) if isinstance(schema.get(word), int | float)]
    return choose(given) if given else math.nan


def _bound_sizes(schema: dict[str, Any]) -> None:
    for smallest, largest in _SIZES:
        least, most = schema.get(smallest, 0), schema.get(largest)
        if not isinstance(least, int) or not 0 <= least <= MAX_SIZE:
            raise invalid_schema(f"{smallest} must be from 0 to {MAX_SIZE}")
        if most is not None and (not isinstance(most, int) or most < least):
            raise invalid_schema(f"{largest} must be at least {smallest}")
        if most is not None and most > MAX_SIZE:
            del schema[largest]


def _prepare_pattern(schema: dict[str, Any]) -> None:
    if "pattern" not in schema:
        return
    beside = [word for word in (*CHOOSING, "allOf", "properties", "items") if word in schema]
    if beside or schema.get("type", "string") != "string":
        raise invalid_schema(f"pattern is not supported beside {beside[0] if beside else 'this type'}")
    try:
        schema["pattern"] = translate_pattern(schema["pattern"])
    except ValueError as error:
        raise invalid_schema(f"pattern: {error}") from error


def _split_types(schema: dict[str, Any]) -> dict[str, Any]:
    """A list of types as alternatives, each with the keywords beside it."""
    types = schema.get("type")
    if not isinstance(types, list):
        return schema
    rest = {keyword: value for keyword, value in schema.items() if keyword != "type"}
    if any(word in rest for word in CHOOSING):
        return rest
    shared: dict[str, Any] = {
        keyword: rest.pop(keyword) for keyword in ("$defs", "definitions") if keyword in rest
    }
    return {"anyOf": [{**_fitting(rest, kind), "type": kind} for kind in types], **shared}


def _fitting(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    words = {
        "string": {"minLength", "maxLength", "pattern", "format"},
        "array": {"items", "prefixItems", "minItems", "maxItems"},
        "object": {"properties", "required", "additionalProperties", "allOf"},
    }
    return {word: value for word, value in schema.items() if word in words.get(kind, ())}

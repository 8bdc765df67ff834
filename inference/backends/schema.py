"""A JSON schema as a GBNF grammar: llama-cpp-python's converter, with its gaps closed or refused.

What the grammar cannot say but a finished text can be checked for (numeric bounds, `uniqueItems`, sizes above
`MAX_SIZE`) is left to that check; a keyword that neither covers is refused by name.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from llama_cpp.llama_grammar import PRIMITIVE_RULES, BuiltinRule, SchemaConverter

from inference.backends.gbnf import check_gbnf
from inference.backends.schema_pattern import translate_pattern
from inference.types import InferenceError

MAX_SIZE = 1000
"""The largest `minLength` or `minItems`; larger maxima are checked in the finished text only."""

MAX_DEPTH = 32
MAX_BYTES = 65_536

_STRING_CHARACTER = BuiltinRule(
    r'[^"\\\x7F\x00-\x1F\uD800-\uDFFF\U00110000-\U001FFFFF] | '
    r'"\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])',
    [],
)
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
_CHOOSING = ("$ref", "anyOf", "oneOf", "const", "enum")


def schema_to_gbnf(schema: Mapping[str, Any]) -> str:
    """Raises `InferenceError` (`invalid_schema`) that names the keyword which cannot be compiled."""
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid_schema("it is not JSON") from error
    if len(text) > MAX_BYTES:
        raise invalid_schema(f"it is longer than {MAX_BYTES} bytes")
    return _convert(text)


def invalid_schema(reason: str) -> InferenceError:
    """The refusal of a schema."""
    return InferenceError("invalid_schema", f"The schema cannot be compiled: {reason}.")


@lru_cache(maxsize=256)
def _convert(text: str) -> str:
    try:
        schema = _prepare(json.loads(text), 0)
        converter = _Converter(schema)
        root = converter.visit(schema, "reply")
        gbnf = f"{converter.format_grammar()}\nroot ::= {root}"
        gbnf.encode()
        check_gbnf(gbnf)
    except InferenceError as error:
        raise InferenceError("invalid_schema", error.message.replace("grammar", "schema", 1)) from error
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise invalid_schema(str(error)[:120] or "it is nested too deeply") from error
    return gbnf


class _Converter(SchemaConverter):
    """Fixes what would let invalid JSON through, and says sizes as repetitions instead of nesting them.

    Every rule but the built-in ones is named `reply…` or `ref…`, so that no name of the schema's can clash.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        self._refs = _Targets(schema)
        self._ref_names: dict[str, str] = {}

    def visit(self, schema: dict[str, Any], name: str) -> str:
        if not schema:
            return self._name(name, self._add_primitive("value", PRIMITIVE_RULES["value"]))
        if any(keyword in schema for keyword in (*_CHOOSING, "pattern", "prefixItems")):
            return self._name(name, super().visit(schema, name))
        if "minLength" in schema or "maxLength" in schema:
            character = self._add_primitive("char", _STRING_CHARACTER)
            sizes = _repetition(schema.get("minLength", 0), schema.get("maxLength"))
            return self._name(name, rf'"\"" {character}{sizes} "\"" space')
        if isinstance(schema.get("items"), dict):
            return self._name(name, self._array(schema, name))
        return self._name(name, super().visit(schema, name))

    def _resolve_ref(self, ref: str) -> str:
        if ref not in self._ref_names:
            name = self._ref_names[ref] = f"ref{len(self._ref_names)}"
            rule = self.visit(self._refs[ref], name)
            if rule != name:
                self._rules[name] = rule
        return self._ref_names[ref]

    def _array(self, schema: dict[str, Any], name: str) -> str:
        item = self.visit(schema["items"], f"{name}-item")
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most == 0:
            return '"[" space "]" space'
        more = _repetition(max(0, least - 1), None if most is None else most - 1)
        items = f'{item} ("," space {item}){more}'
        return f'"[" space {items if least else f"({items})?"} "]" space'

    def _name(self, name: str, rule: str) -> str:
        added: str = rule if rule == name else self._add_rule(name, rule)
        return added

    def _add_primitive(self, name: str, rule: BuiltinRule) -> str:
        is_character = rule is PRIMITIVE_RULES["char"]
        added: str = super()._add_primitive(name, _STRING_CHARACTER if is_character else rule)
        return added

    def _format_literal(self, literal: str) -> str:
        text = json.dumps(json.loads(literal), ensure_ascii=False)
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def _generate_constant_rule(self, value: Any) -> str:
        return f"{super()._generate_constant_rule(value)} space"


class _Targets(dict[str, dict[str, Any]]):
    """The subschemas that `$ref`s lead to, looked up when asked for."""

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


def _repetition(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


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
    _bound_sizes(prepared)
    _prepare_pattern(prepared)
    return _split_types(prepared)


def _check_required(schema: dict[str, Any]) -> None:
    if schema.get("additionalProperties") or any(word in schema for word in (*_CHOOSING, "allOf")):
        return
    missing = set(schema.get("required", ())) - set(schema.get("properties", ()))
    if missing:
        raise invalid_schema(f"required names {min(missing)}, which properties does not describe")


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
    beside = [word for word in (*_CHOOSING, "allOf", "properties", "items") if word in schema]
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
    if any(word in rest for word in _CHOOSING):
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

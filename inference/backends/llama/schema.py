"""A JSON schema as a GBNF grammar: llama-cpp-python's converter, with its gaps closed or refused."""

# mypy: allow-untyped-calls
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from llama_cpp.llama_grammar import PRIMITIVE_RULES, BuiltinRule, SchemaConverter

from inference.grammars.gbnf import check_gbnf
from inference.grammars.schema import CHOOSING, Targets, invalid_schema, prepare_schema, schema_text
from inference.types.errors import InferenceError

_STRING_CHARACTER = BuiltinRule(
    r'[^"\\\x7F\x00-\x1F\uD800-\uDFFF\U00110000-\U001FFFFF] | '
    r'"\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])',
    [],
)


def schema_to_gbnf(schema: Mapping[str, Any]) -> str:
    """A grammar with the rule `root`. Raises `InferenceError` (`invalid_schema`) that names the keyword which
    cannot be compiled.
    """
    return f"{schemas_to_rules([schema])}\nroot ::= schema0"


def schemas_to_rules(schemas: Sequence[Mapping[str, Any]]) -> str:
    """The rules `schema0`, `schema1` and so on, and those that they use. Raises `InferenceError`."""
    return _convert(tuple(map(schema_text, schemas)))


@lru_cache(maxsize=256)
def _convert(texts: tuple[str, ...]) -> str:
    try:
        schemas = {str(at): prepare_schema(_rebase(text, at)) for at, text in enumerate(texts)}
        converter = _Converter({"$defs": schemas})
        roots = [f"schema{at} ::= {converter.visit(schema, f'reply{at}')}" for at, schema in schemas.items()]
        rules = "\n".join([converter.format_grammar(), *roots])
        rules.encode()
        check_gbnf(f"{rules}\nroot ::= {' | '.join(f'schema{at}' for at in schemas)}")
    except InferenceError as error:
        raise invalid_schema(str(error.reason.values["reason"] if error.reason else error)) from error
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise invalid_schema(str(error)[:120] or "it is nested too deeply") from error
    return rules


def _rebase(text: str, at: int) -> str:
    """The schema's references, from where it stands among the others."""
    return json.dumps(_rebased(json.loads(text), f"#/$defs/{at}"))


def _rebased(schema: Any, base: str) -> Any:
    if isinstance(schema, list):
        return [_rebased(each, base) for each in schema]
    if not isinstance(schema, dict):
        return schema
    ref = schema.get("$ref")
    moved = {"$ref": base + ref[1:]} if isinstance(ref, str) and ref.startswith("#") else {}
    return {name: _rebased(each, base) for name, each in schema.items()} | moved


class _Converter(SchemaConverter):
    """Fixes what would let invalid JSON through, and says sizes as repetitions instead of nesting them.

    Every rule but the built-in ones is named `reply…` or `ref…`, so that no name of the schema's can clash.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        self._refs = Targets(schema)
        self._ref_names: dict[str, str] = {}

    def visit(self, schema: dict[str, Any], name: str) -> str:
        if not schema:
            return self._name(name, self._add_primitive("value", PRIMITIVE_RULES["value"]))
        if any(keyword in schema for keyword in (*CHOOSING, "pattern", "prefixItems")):
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


def _repetition(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"

"""A schema's grammar lets only such JSON through as it allows; what it cannot say is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.grammar import Grammar
from inference.backends.llama.schema import schema_to_gbnf
from inference.config import EngineConfig
from inference.types.errors import InferenceError
from inference.types.forms import ResponseFormat
from tests.support.llama import FREE, answer

WORDS = st.text(max_size=4)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), WORDS)
LEAVES = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("boolean", "null", "integer", "number")]),
    st.builds(lambda values: {"enum": values}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, SCALARS),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    st.just({"type": ["integer", "null"]}),
    st.sampled_from([r"^\d{2}-[a-c\d]+\.$", "^(ab|c)?x{0,2}$"]).map(
        lambda p: {"type": "string", "pattern": p}
    ),
    st.sampled_from(["date", "time", "date-time", "uuid"]).map(lambda f: {"type": "string", "format": f}),
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(WORDS, inner, max_size=3)
    return st.builds(
        lambda properties, closed: {
            "type": "object",
            "properties": properties,
            "required": list(properties)[:1],
            **({"additionalProperties": False} if closed else {}),
        },
        properties,
        st.booleans(),
    )


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda items, least, more: {
            "type": "array",
            "items": items,
            "minItems": least,
            "maxItems": least + more,
        },
        inner,
        st.integers(0, 2),
        st.integers(0, 2),
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        objects(inner),
        arrays(inner),
        st.builds(lambda ways: {"anyOf": ways}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=SCHEMAS, seed=st.integers(0, 9))
def test_a_whole_reply_is_json_that_fits_the_schema(
    llama: LlamaBackend, llama_config: EngineConfig, schema: dict[str, Any], seed: int
) -> None:
    form = ResponseFormat(type="json_schema", schema=schema, strict=False)
    options = FREE | {"seed": seed, "max_tokens": 200, "response_format": form}
    seen = answer(llama, llama_config, llama.tokenize("hello"), **options)
    if seen.finished("a").finish_reason == "stop":
        value = json.loads(seen.text("a"))
        if "\ufffd" not in seen.text("a"):  # bytes of noise that are no character, or several
            Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize(
    ("schema", "good"),
    [
        ({"enum": ['say "x"', "a\\b", "é\n"]}, ['"say \\"x\\""', '"a\\\\b"', '"é\\n"']),
        ({"type": "object", "properties": {'a"\\': {"const": 1}}, "required": ['a"\\']}, ['{"a\\"\\\\":1}']),
        ({"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 2}, ["[1]", "[1, 1]"]),
        ({"type": "array", "items": {"const": 1}, "maxItems": 0}, ["[]"]),
        ({"$defs": {"string": {"const": 1}, "": {"$ref": "#/$defs/string"}}, "$ref": "#/$defs/"}, ["1"]),
        ({"type": ["string", "null"], "maxLength": 1}, ["null", '"x"', '""']),
        ({"type": "string", "pattern": r"^\d{3}\.\w?$"}, ['"123."', '"123.x"']),
        ({"type": "string", "pattern": "^(,)*a}]{x{2}$"}, ['",,a}]{xx"']),
        ({"title": "anything"}, ["3", "[null]", '{"a": "b"}']),
        (
            {
                "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}},
                "$ref": "#/$defs/n",
            },
            ['{"next": {"next": {}}}'],
        ),
    ],
)
def test_the_grammar_takes(llama: LlamaBackend, schema: dict[str, Any], good: list[str]) -> None:
    (end,) = llama.tokenize("<|im_end|>")
    for text in good:
        Draft202012Validator(schema).validate(json.loads(text))
        assert _takes(llama, schema, [*llama.tokenize(text), end]), text


@pytest.mark.parametrize(
    ("schema", "bad"),
    [
        ({"type": "string"}, ['"a\nb"', '"\x01"', '"\\x"', "x"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ['"a"', '"abcd"']),
        ({"type": "array", "items": {"const": 1}, "minItems": 2, "maxItems": 2}, ["[1]", "[1,1,1]"]),
        ({"type": "object"}, ["[]", "3"]),
    ],
)
def test_the_grammar_refuses(llama: LlamaBackend, schema: dict[str, Any], bad: list[str]) -> None:
    (end,) = llama.tokenize("<|im_end|>")
    for text in bad:
        assert not _takes(llama, schema, [*llama.tokenize(text), end]), text


def _takes(llama: LlamaBackend, schema: dict[str, Any], ids: list[int]) -> bool:
    grammar = Grammar(llama._samplers, schema_to_gbnf(schema))
    try:
        for token_id in ids:
            grammar.accept(token_id)
    except InferenceError:
        return False
    finally:
        grammar.close()
    return True


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"not": {}}, "keyword not is"),
        ({"type": "object", "properties": {"a": {"if": {}}}}, "keyword if is"),
        ({"$ref": "https://example.com/a"}, "nothing at $ref https://example.com/a"),
        ({"$ref": "#/nowhere"}, "nowhere"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "left-recursive"),
        ({"type": "weird"}, "weird"),
        ({"minimum": 3, "maximum": 4, "type": "string", "pattern": "abc"}, "pattern: it must start with ^"),
        ({"type": "string", "pattern": "^(?=a)b$"}, "pattern"),
        ({"type": "string", "pattern": "^a{1000000000}$"}, "pattern: a quantifier above 40"),
        ({"type": "string", "pattern": "^\\bx$"}, "pattern: the escape \\b"),
        ({"type": "string", "pattern": "^a|^b$"}, "pattern: ^ is only"),
        ({"enum": ["aaaaaaaaaaaaaaaa!"], "pattern": "^(a+)+$"}, "pattern is not supported beside enum"),
        ({"type": "integer", "pattern": "^a$"}, "pattern is not supported beside this type"),
        ({"type": "array", "items": {}, "minItems": 10**9}, "minItems must be from 0 to 1000"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "maxLength must be at least minLength"),
        ({"type": "object", "required": ["a"]}, "required names a"),
        ({"properties": 3}, "schema"),
        ({"const": "\ud800"}, "surrogates"),
        ({"items": False}, "schema"),
        ({"anyOf": [3]}, "a subschema is not an object"),
        ({"const": object()}, "not JSON"),
        ({"const": "x" * 70_000}, "longer than"),
    ],
)
def test_what_cannot_be_compiled_is_refused_by_name(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(InferenceError) as caught:
        schema_to_gbnf(schema)
    assert caught.value.code == "invalid_schema"
    assert named in caught.value.message


def test_a_deep_schema_is_refused() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(40):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InferenceError, match="more than 32 deep"):
        schema_to_gbnf(schema)


def test_a_large_maximum_is_left_to_the_finished_text() -> None:
    assert schema_to_gbnf({"type": "string", "maxLength": 10**9}) == schema_to_gbnf(
        {"type": "string", "maxLength": 5000}
    )

"""What can be said of a schema without a model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.grammars import check_schema
from inference.grammars.schema import prepare_schema
from inference.types.errors import InferenceError


def nested(depth: int) -> dict[str, Any]:
    return {"type": "array", "items": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"not": {"type": "string"}}, "the keyword not"),
        ({"type": "object", "properties": {"a": {"if": {}}}}, "the keyword if"),
        ({"type": "objekt"}, "objekt"),
        ({"properties": 3}, "3 is not of type 'object'"),
        ({"enum": [1.0, float("nan")], "x-note": set()}, "not JSON"),
        (nested(40), "nested"),
        ({"items": {"$ref": "#/$defs/none"}}, r"nothing at \$ref #/\$defs/none\."),
        ({"$ref": "https://example.org/schema"}, "nothing at"),
        ({"enum": ["x" * 70_000]}, "longer than"),
    ],
)
def test_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InferenceError, match=said) as refused:
        check_schema(schema)
    assert refused.value.code == "invalid_schema"


def test_taken() -> None:
    check_schema({"type": "object", "properties": {"a": {"minimum": 3}}, "additionalProperties": False})
    check_schema({"$ref": "#/$defs/a", "$defs": {"a": {"enum": [{"$ref": "a value"}]}}})


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"minimum": 1, "maximum": 3}, {"enum": [1, 2, 3]}),
        ({"minimum": -0.5, "exclusiveMaximum": 2}, {"enum": [0, 1]}),
        ({"minimum": 0, "exclusiveMinimum": 1, "maximum": 3.5}, {"enum": [2, 3]}),
        ({"minimum": 5}, {"type": "integer"}),
        ({"minimum": 0, "maximum": 1000}, {"type": "integer"}),
        ({"minimum": 3, "maximum": 1}, {"type": "integer"}),
        ({"minimum": 1.2, "maximum": 1.8}, {"type": "integer"}),
        ({"minimum": 10**400, "maximum": 1.5}, {"type": "integer"}),
        ({"minimum": 1, "maximum": 3, "const": 2}, {"const": 2, "type": "integer"}),
    ],
)
def test_few_integers_are_listed(bounds: dict[str, Any], said: dict[str, Any]) -> None:
    assert prepare_schema(json.dumps(bounds | {"type": "integer"})) == said

"""What can be said of a schema without a model."""

from __future__ import annotations

from typing import Any

import pytest

from inference.grammars import check_schema
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
        ({"enum": ["x" * 70_000]}, "longer than"),
    ],
)
def test_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InferenceError, match=said) as refused:
        check_schema(schema)
    assert refused.value.code == "invalid_schema"


def test_taken() -> None:
    check_schema({"type": "object", "properties": {"a": {"minimum": 3}}, "additionalProperties": False})

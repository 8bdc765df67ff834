"""What is wrong with a field, in sentences of our own: Pydantic's are English only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inference.types.errors import Reason, Value

SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "Unknown fields are not permitted.",
    "none_required": "This should be null.",
    "string_type": "This should be a text.",
    "bool_type": "This should be true or false.",
    "bool_parsing": "This should be true or false.",
    "int_type": "This should be a whole number.",
    "int_parsing": "This should be a whole number.",
    "int_from_float": "This should be a whole number.",
    "int_parsing_size": "This should be a smaller number.",
    "float_type": "This should be a number.",
    "float_parsing": "This should be a number.",
    "finite_number": "This should be a finite number.",
    "list_type": "This should be a list.",
    "dict_type": "This should be an object.",
    "model_type": "This should be an object.",
    "model_attributes_type": "This should be an object.",
    "uuid_type": "This should be a UUID.",
    "uuid_parsing": "This should be a UUID.",
    "datetime_type": "This should be a time as ISO 8601 writes it.",
    "datetime_parsing": "This should be a time as ISO 8601 writes it.",
    "datetime_from_date_parsing": "This should be a time as ISO 8601 writes it.",
    "datetime_object_invalid": "This should be a time as ISO 8601 writes it.",
    "date_type": "This should be a date as ISO 8601 writes it.",
    "date_parsing": "This should be a date as ISO 8601 writes it.",
    "date_from_datetime_parsing": "This should be a date as ISO 8601 writes it.",
    "string_unicode": "This should be unicode: half of a surrogate pair cannot be stored.",
    "string_too_short": "This is too short: its length should be at least %(min_length)s.",
    "string_too_long": "This is too long: its length should be at most %(max_length)s.",
    "string_pattern_mismatch": "This should match the pattern %(pattern)s.",
    "too_short": "This is too short: its length should be at least %(min_length)s.",
    "too_long": "This is too long: its length should be at most %(max_length)s.",
    "greater_than": "This should be greater than %(gt)s.",
    "greater_than_equal": "This should be %(ge)s or more.",
    "less_than": "This should be less than %(lt)s.",
    "less_than_equal": "This should be %(le)s or less.",
    "literal_error": "This should be one of these: %(expected)s.",
    "enum": "This should be one of these: %(expected)s.",
    "unstorable": "U+0000 or half of a surrogate pair cannot be part of this.",
    "unsupported_part": "Parts of type '%(kind)s' are not supported.",
    "unsupported_item": "Items of type '%(kind)s' are not supported.",
    "unsupported_tool": "Tools of type '%(kind)s' are not supported, only functions are.",
    "moment": "A time must be in the years 1 to 9999 of UTC.",
}
"""By Pydantic's name of the problem; those of others it says itself."""
UNION_MEMBER = re.compile(r"str|int|float|bool|[A-Z]\w*|[\w-]+\[.*")
"""What Pydantic puts into the location of a problem where a value may be of several types."""


def locate(problems: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str | None]:
    """The first of the problems deepest in the body, of several possible types the nearest one's; and the
    field it is about.
    """
    found = max(problems, key=lambda problem: len(problem.get("loc") or ()))
    # ninja puts the name of the view's argument before a body's fields
    location = list(found.get("loc") or ())
    path = location[2:] if location[:1] == ["body"] and len(location) > 2 else location[1:]
    return found, _write_path(path)


def sentence_of(problem: Mapping[str, Any]) -> Reason:
    """What is wrong."""
    kind = problem.get("type", "")
    if kind not in SENTENCES:
        return Reason("%(problem)s.", {"problem": str(problem["msg"]).rstrip(".")})
    return Reason(SENTENCES[kind], {name: _value(value) for name, value in problem.get("ctx", {}).items()})


def _value(value: object) -> Value:
    return value if isinstance(value, int) else str(value).replace("' or '", "', '")


def _write_path(path: Iterable[str | int]) -> str | None:
    """As `messages[0].content`."""
    parts = [part for part in path if isinstance(part, int) or not UNION_MEMBER.fullmatch(part)]
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return written.removeprefix(".") or None

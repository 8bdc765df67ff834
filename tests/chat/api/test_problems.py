"""What is wrong with a field, in our own sentences."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core.core_schema import ErrorType

from chat.api.parsing import Moment, Name
from chat.api.problems import SENTENCES, locate, sentence_of
from inference.types.errors import Reason

OURS = {"unstorable", "moment", "unsupported_part", "unsupported_item", "unsupported_tool"}


class Suit(Enum):
    """Two of four."""

    HEARTS = "hearts"
    SPADES = "spades"


class Asked(BaseModel):
    """A field of each kind that our schemas have."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    word: Annotated[str, Field(pattern="^a+$")] = "a"
    count: Annotated[int, Field(ge=1, le=5)] = 1
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    tags: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"]
    role: Literal["user", "system", "assistant"] = "user"
    suit: Suit = Suit.HEARTS
    where: dict[str, int | str] = {}
    is_kept: bool = True
    nothing: None = None
    id: UUID | None = None
    at: datetime | None = None
    name: Name = "a"
    moment: Moment | None = None


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"text": 5}, "text", "This should be a text."),
        ({"text": ""}, "text", "This is too short: its length should be at least 2."),
        ({"text": "abcd"}, "text", "This is too long: its length should be at most 3."),
        ({"word": "b"}, "word", "This should match the pattern ^a+$."),
        ({"count": 0}, "count", "This should be 1 or more."),
        ({"count": 6}, "count", "This should be 5 or less."),
        ({"count": "x"}, "count", "This should be a whole number."),
        ({"count": 1.5}, "count", "This should be a whole number."),
        ({"share": 0}, "share", "This should be greater than 0.0."),
        ({"share": 1}, "share", "This should be less than 1.0."),
        ({"share": float("inf")}, "share", "This should be a finite number."),
        ({"share": "much"}, "share", "This should be a number."),
        ({"tags": []}, "tags", "This is too short: its length should be at least 1."),
        ({"tags": ["a", 2]}, "tags[1]", "This should be a text."),
        ({"tags": {}}, "tags", "This should be a list."),
        ({"role": "king"}, "role", "This should be one of these: 'user', 'system', 'assistant'."),
        ({"suit": "clubs"}, "suit", "This should be one of these: 'hearts', 'spades'."),
        ({"where": 1}, "where", "This should be an object."),
        ({"where": {"a": []}}, "where.a", "This should be a whole number."),
        ({"is_kept": "maybe"}, "is_kept", "This should be true or false."),
        ({"nothing": 1}, "nothing", "This should be null."),
        ({"id": "x"}, "id", "This should be a UUID."),
        ({"at": "yesterday"}, "at", "This should be a time as ISO 8601 writes it."),
        ({"name": "\0"}, "name", "U+0000 or half of a surrogate pair cannot be part of this."),
        ({"moment": "0001-01-01T00:00:00+14:00"}, "moment", "A time must be in the years 1 to 9999 of UTC."),
        ({"other": 1}, "other", "Unknown fields are not permitted."),
    ],
)
def test_each_kind_of_problem(given: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Asked.model_validate(given)
    problem, found = locate(
        [dict(each) | {"loc": ("body", "body", *each["loc"])} for each in refused.value.errors()]
    )
    assert (found, str(sentence_of(problem))) == (field, said)


def test_the_kinds_are_pydantics_or_our_own() -> None:
    assert set(SENTENCES) <= {*get_args(ErrorType), *OURS}


def test_what_has_no_sentence_of_ours_says_pydantics() -> None:
    problem = {"type": "url_scheme", "msg": "URL scheme should be 'http'", "loc": ("body", "url")}
    assert sentence_of(problem) == Reason("%(problem)s.", {"problem": "URL scheme should be 'http'"})

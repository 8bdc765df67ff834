"""What requests hold: names, times, and bodies that are JSON as its standard has it, and said to be JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from chat.services.text import is_storable

JSON = "application/json"


def _storable(name: str) -> str:
    if not is_storable(name):
        raise PydanticCustomError("unstorable", "U+0000 or half of a surrogate pair cannot be part of it")
    return name


Name = Annotated[str, AfterValidator(_storable)]
"""What is looked up: a database takes nothing else in what it compares either."""


def in_utc(given: datetime) -> datetime:
    """The same moment in UTC, where a time without a zone is in UTC. Raises what a validator may raise."""
    try:
        return given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("moment", "a time must be in the years 1 to 9999 of UTC") from error


Moment = Annotated[datetime, AfterValidator(in_utc)]
"""A time; in UTC where it names no zone."""


class BadBody(Exception):  # noqa: N818  an answer, not a fault
    """The body cannot be read; `status` says whether for its type (415) or its content (400)."""

    def __init__(self, message: str, *, status: int = 400, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.field = field


class JsonParser(Parser):
    """Refuses what Python would take beyond JSON: NaN, infinities, and text that only looks like JSON."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Raises `BadBody`, or `RecursionError` for what is nested too deeply."""
        if request.content_type != JSON:
            raise BadBody(f"Send the body as {JSON}.", status=415, field="Content-Type")
        try:
            return json.loads(request.body.decode("utf-8-sig"), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise BadBody(f"The body is not UTF-8: see its byte {error.start}.") from error
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise BadBody(f"The body is not JSON: {error.msg} ({where}).") from error
        except ValueError as error:  # a number of thousands of digits
            raise BadBody("The body has a number that is too long.") from error


def _refuse(name: str) -> NoReturn:
    raise BadBody(f"The body is not JSON: {name} is no number there.")

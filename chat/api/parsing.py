"""Bodies of requests: JSON as its standard has it, and said to be JSON."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

JSON = "application/json"


def _without_nul(name: str) -> str:
    if "\0" in name:
        raise PydanticCustomError("nul", "U+0000 cannot be part of it")
    return name


Name = Annotated[str, AfterValidator(_without_nul)]
"""What is looked up: PostgreSQL takes no U+0000 in what it compares either."""


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

"""What requests hold: names, times, and bodies that are JSON as its standard has it, and said to be JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn
from uuid import UUID

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chat.services.text import is_storable
from inference.types.errors import Reason

JSON = "application/json"

TYPED = ConfigDict(strict=True)
"""Values have JSON's own types: neither `true` nor `"1"` is a number, as OpenAI and our sockets have it."""


def example(**body: Any) -> ConfigDict:
    """The configuration of a body that shows itself in the document."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Typed(BaseModel):
    """A part of a body whose values have JSON's own types."""

    model_config = TYPED


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


Moment = Annotated[datetime, AfterValidator(in_utc), Field(strict=False)]
"""A time; in UTC where it names no zone."""

Id = Annotated[UUID, Field(strict=False)]
"""JSON has no type of its own for it."""


class BadBody(Exception):  # noqa: N818  an answer, not a fault
    """The body cannot be read; `status` says whether for its type (415) or its content (400)."""

    def __init__(self, message: Reason, *, status: int = 400, field: str | None = None) -> None:
        super().__init__(str(message))
        self.message = message
        self.status = status
        self.field = field


class JsonParser(Parser):
    """Refuses what Python would take beyond JSON: NaN, infinities, and text that only looks like JSON."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Raises `BadBody`, or `RecursionError` for what is nested too deeply."""
        if not self.accepts(request.content_type or ""):
            why = Reason("Send the body as %(type)s.", {"type": JSON})
            raise BadBody(why, status=415, field="Content-Type")
        try:
            return json.loads(request.body.decode("utf-8-sig"), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise BadBody(
                Reason("The body is not UTF-8: see its byte %(at)s.", {"at": error.start})
            ) from error
        except json.JSONDecodeError as error:
            sentence = "The body is not JSON: see line %(line)s, column %(column)s."
            raise BadBody(Reason(sentence, {"line": error.lineno, "column": error.colno})) from error
        except ValueError as error:
            raise BadBody(Reason("The body has a number that is too long.", {})) from error

    def accepts(self, kind: str) -> bool:
        """Whether a body of this content type is read."""
        return kind == JSON


def _refuse(name: str) -> NoReturn:
    raise BadBody(Reason("The body is not JSON: %(name)s is no number there.", {"name": name}))

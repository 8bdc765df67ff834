"""Reading bodies, and saying what is wrong with one that cannot be read."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from ninja.parser import Parser

from chat.api.errors import CSRF_FAILED
from chat.api.openai.errors import answer

MAX_DIGITS = 1000
ACCEPTED = ("application/json", "")


class UnsupportedType(ValueError):  # noqa: N818  an answer, not a fault
    """The body says that it is not JSON."""


class BodyParser(Parser):
    """Strict: JSON that says so, in UTF-8, without NaN and Infinity, which JSON does not have."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body's value."""
        if request.content_type not in ACCEPTED and not (request.content_type or "").endswith("+json"):
            raise UnsupportedType(request.content_type)
        return json.loads(request.body.decode(), parse_constant=_refuse, parse_int=_read_int)


def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    """The answer to a body that could not be read; ninja has wrapped the reason in an `HttpError`."""
    match error.__cause__:
        case UnsupportedType() as cause:
            message = f"Unsupported content type: '{str(cause)[:100]}'. Send application/json."
            return answer(415, message, code="unsupported_content_type")
        case UnicodeDecodeError() as cause:
            return answer(400, f"The request body is not valid UTF-8 (byte {cause.start}).")
        case json.JSONDecodeError() as cause:
            message = f"We could not parse the JSON body of your request: {cause.msg} (line {cause.lineno})."
            return answer(400, message)
        case RecursionError():
            return answer(400, "The JSON body of your request is nested too deeply.")
        case ValueError() as cause:
            return answer(400, f"We could not parse the JSON body of your request: {str(cause)[:200]}.")
    return answer(error.status_code, CSRF_FAILED if error.status_code == 403 else str(error))


def _read_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")

"""The one error envelope of the HTTP API."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from chat.api.parsing import BadBody
from chat.api.problems import locate, sentence_of
from chat.services import errors
from chat.wording import in_words
from inference.types.errors import Reason

logger = logging.getLogger(__name__)

STATUS: dict[type[errors.ServiceError], int] = {
    errors.NotLoggedIn: 401,
    errors.NotFound: 404,
    errors.Forbidden: 403,
    errors.ReplyInProgress: 409,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.QueueFull: 503,
}
NAMES = {
    400: ("ValidationError", "INVALID_INPUT"),
    401: ("AuthenticationError", "NOT_LOGGED_IN"),
    403: ("PermissionError", "NOT_ALLOWED"),
    404: ("NotFound", "NOT_FOUND"),
    413: ("ValidationError", "TOO_LARGE"),
    415: ("ValidationError", "INVALID_INPUT"),
    422: ("ValidationError", "INVALID_INPUT"),
    500: ("InternalError", "INTERNAL_ERROR"),
    503: ("Unavailable", "UNAVAILABLE"),
}
OUR_FAULT = Reason("Something went wrong on our side: try again in a moment.", {})
UNREADABLE = (BadRequest, MultiPartParserError, RawPostDataException, SuspiciousOperation)
CANNOT_READ = Reason("The request cannot be read: send it as its Content-Type says.", {})
TOO_DEEP = Reason("The request is nested too deeply.", {})
TOO_LARGE = Reason("The request is too large.", {})
UNSTORABLE = Reason("The request has a text with U+0000 or a number beyond what can be stored.", {})
CSRF_FAILED = Reason("Send the value of the cookie csrftoken as the header X-CSRFToken, or use a key.", {})
NOT_LOGGED_IN = Reason("Log in, or send a valid key.", {})
NOTHING_HERE = Reason("There is nothing here: see /api/docs.", {})


def install(api: NinjaAPI) -> None:
    """Answer every refusal of `api` in the envelope."""
    handlers: dict[type[Exception], Any] = {
        errors.ServiceError: _refused,
        AuthenticationError: lambda request, error: answer(401, NOT_LOGGED_IN),
        ValidationError: _invalid,
        HttpError: _refused_by_ninja,
        Http404: lambda request, error: answer(404, NOTHING_HERE),
        RequestDataTooBig: lambda request, error: answer(413, TOO_LARGE),
        TooManyFieldsSent: lambda request, error: answer(413, TOO_LARGE),
        **dict.fromkeys(UNREADABLE, lambda request, error: answer(400, CANNOT_READ)),
        RecursionError: lambda request, error: answer(400, TOO_DEEP),
        DataError: _unstorable,
        OperationalError: _unavailable,
        Exception: _broken,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def answer(status: int, message: str | Reason, field: str | None = None) -> HttpResponse:
    """A response in the envelope, in the reader's language."""
    name, code = NAMES.get(status, ("HttpError", f"HTTP_{status}"))
    return JsonResponse(envelope(name, code, in_words(message), field), status=status)


def envelope(name: str, code: str, message: str, field: str | None = None) -> dict[str, object]:
    """The body of every error."""
    return {
        "error": name,
        "error_code": code,
        "details": {"field": field, "message": message},
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }


def status_of(error: errors.ServiceError) -> int:
    """The HTTP status of what a service refuses."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 422)


@contextmanager
def fields_named(names: Mapping[str, str]) -> Iterator[None]:
    """What is refused inside names fields as the caller does: `names` maps those of services to theirs."""
    try:
        yield
    except errors.ServiceError as error:
        error.field = names.get(error.field or "", error.field)
        raise


@csrf_exempt  # it changes nothing, and refuses in the envelope
def no_such_path(request: HttpRequest, path: str = "") -> HttpResponse:
    """What answers where no operation does."""
    return answer(404, NOTHING_HERE)


def _refused(request: HttpRequest, error: errors.ServiceError) -> HttpResponse:
    body = envelope(type(error).__name__, error.code.upper(), error.message, error.field)
    response = JsonResponse(body, status=status_of(error))
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


def _refused_by_ninja(request: HttpRequest, error: HttpError) -> HttpResponse:
    reason = error.__cause__  # of a body that could not be read
    if isinstance(reason, BadBody):
        return answer(reason.status, reason.message, reason.field)
    if isinstance(reason, RecursionError):
        return answer(400, TOO_DEEP)
    return answer(error.status_code, CSRF_FAILED if error.status_code == 403 else str(error))


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    problem, field = locate(error.errors)
    return answer(422, sentence_of(problem), field)


def _unstorable(request: HttpRequest, error: DataError) -> HttpResponse:
    # Not the error itself: it may quote the value.
    logger.warning("the database cannot store a value: %s", type(error.__cause__).__name__)
    return answer(422, UNSTORABLE)


def _unavailable(request: HttpRequest, error: OperationalError) -> HttpResponse:
    logger.warning("the database cannot be used: %s", error)
    return _refused(request, errors.database_away(error))


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    # Not the path itself: that of an invitation holds its token.
    route = request.resolver_match.route if request.resolver_match else "-"
    logger.error("%s %s failed", request.method, route, exc_info=error)
    return answer(500, OUR_FAULT)

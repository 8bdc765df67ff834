"""OpenAI's error envelope, status codes and headers."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError

from chat.api.errors import (
    CANNOT_READ,
    OUR_FAULT,
    TOO_DEEP,
    TOO_LARGE,
    UNREADABLE,
    UNSTORABLE,
    status_of,
)
from chat.api.problems import locate, sentence_of
from chat.api.sse import encode_frame
from chat.realtime.protocol.views import GenerationError
from chat.realtime.wording import error_in_words
from chat.services import errors
from chat.wording import in_words
from inference.types.errors import Reason

logger = logging.getLogger(__name__)

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
BAD_REQUESTS = {
    **dict.fromkeys(("invalid_request", "chat_template_error", "unknown_chat_template", "no_possible_token")),
    **dict.fromkeys(("invalid_schema", "unsupported_option")),
    **{f"invalid_{name}": name for name in ("grammar", "logit_bias", "stop_token_ids")},
    "embeddings_only": "model",
}
"""What only the model can refuse, and the parameter that is to blame where it is one."""
MISSING = "Missing required parameter: '%(name)s'."
WRONG_KEY = Reason("Incorrect API key provided.", {})
NO_KEY = Reason("You didn't provide an API key: send Authorization: Bearer pk_….", {})


def body(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """What stands under `error`."""
    return {"message": message, "type": kind, "param": param, "code": code}


BROKEN = encode_frame({"error": body(str(OUR_FAULT), kind="server_error")}, event="error")
"""What ends a stream that cannot go on."""


class Refusal(Exception):  # noqa: N818  an answer, not a fault
    """A request that cannot be served: `param` is the field, `code` stable for programs."""

    def __init__(self, message: str | Reason, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(str(message))
        self.said = message
        self.param = param
        self.code = code


def missing(name: str, *, param: str = "") -> Refusal:
    """The refusal of a request without what it needs."""
    return Refusal(Reason(MISSING, {"name": name}), param=param or name)


def install(api: NinjaAPI) -> None:
    """Answer every refusal of `api` in the envelope."""
    handlers: dict[type[Exception], Any] = {
        Refusal: lambda request, error: answer(400, error.said, param=error.param, code=error.code),
        errors.ServiceError: _refused,
        AuthenticationError: _not_logged_in,
        ValidationError: _invalid,
        RequestDataTooBig: lambda request, error: answer(413, TOO_LARGE),
        **dict.fromkeys(UNREADABLE, lambda request, error: answer(400, CANNOT_READ)),
        RecursionError: lambda request, error: answer(400, TOO_DEEP),
        DataError: _unstorable,
        OperationalError: _unavailable,
        Exception: _broken,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def answer(
    status: int,
    message: str | Reason,
    *,
    param: str | None = None,
    code: str | None = None,
    retry_after: int = 0,
) -> HttpResponse:
    """A response in the envelope."""
    kind = TYPES.get(status, "invalid_request_error")
    said = body(in_words(message), kind=kind, param=param, code=code)
    response = JsonResponse({"error": said}, status=status)
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response


def failure(error: GenerationError, field: str) -> tuple[int, dict[str, Any]]:
    """The status and the body of a reply that failed after it was accepted; `field` had the conversation."""
    message = error_in_words(error).message
    if error.code == "context_length_exceeded":
        kind = "invalid_request_error"
        return 400, body(message, kind=kind, param=field, code=error.code)
    if error.code in BAD_REQUESTS:
        param = BAD_REQUESTS[error.code]
        return 400, body(message, kind="invalid_request_error", param=param, code=error.code)
    return (503 if error.retryable else 500), body(message, kind="server_error", code=error.code)


@csrf_exempt  # it changes nothing, and refuses in the envelope
def no_such_path(request: HttpRequest, path: str = "") -> HttpResponse:
    """What answers where no operation does."""
    sentence = "Invalid URL (%(method)s %(path)s)"
    return answer(404, Reason(sentence, {"method": request.method or "", "path": request.path}))


def _refused(request: HttpRequest, error: errors.ServiceError) -> HttpResponse:
    param = error.field.removeprefix("options.") if error.field else None
    if isinstance(error, errors.UnknownModel):
        return answer(404, error.message, param="model", code="model_not_found")
    status = status_of(error)
    retry = error.retry_after if isinstance(error, errors.TooManyRequests | errors.Unavailable) else 0
    code = "rate_limit_exceeded" if status == 429 else error.code
    response = answer(
        400 if status == 422 else status, error.message, param=param, code=code, retry_after=retry
    )
    if isinstance(error, errors.Conflict):
        response["x-should-retry"] = "false"  # clients retry 409 of their own accord; it would be the same
    return response


def _not_logged_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    if "Authorization" in request.headers:
        return answer(401, WRONG_KEY, code="invalid_api_key")
    return answer(401, NO_KEY)


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    problem, param = locate(error.errors)
    kind = problem["type"]
    name = param or "body"
    if kind == "extra_forbidden":
        why = Reason("Unrecognized request argument supplied: %(name)s", {"name": name})
    elif kind == "missing":
        why = Reason(MISSING, {"name": name})
    else:
        sentence = "Invalid value for '%(name)s': %(problem)s"
        why = Reason(sentence, {"name": name, "problem": sentence_of(problem)})
    return answer(400, why, param=param)


def _unstorable(request: HttpRequest, error: DataError) -> HttpResponse:
    logger.warning("the database cannot store a value: %s", type(error.__cause__).__name__)
    return answer(400, UNSTORABLE)


def _unavailable(request: HttpRequest, error: OperationalError) -> HttpResponse:
    logger.warning("the database cannot be used: %s", error)
    away = errors.database_away(error)
    return answer(503, away.message, retry_after=away.retry_after)


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(500, OUR_FAULT)

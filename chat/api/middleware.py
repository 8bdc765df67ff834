"""What every response says: the request's id (the caller's, or a new one), and what is left of a limit; of
the APIs also that it is no page.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import get_language_from_request, override

from chat.api import errors
from chat.api.openai import errors as openai_errors
from chat.log_context import begin_request
from chat.metrics import observe_request
from inference.types.errors import Reason

OPENAI_PATHS = "/v1/"
API_PATHS = ("/api/", OPENAI_PATHS)
HEADER = "X-Request-Id"
PAGE = "text/html"
STRANGE = Reason(
    "The request was not let in: its Host must be one of this server's names (ALLOWED_HOSTS).", {}
)
NO_PAGE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
"""For answers that took the short way; the others have those of pages."""

Respond = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class RequestMiddleware:
    """Sync and async alike."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request_id = begin_request(request.headers.get(HEADER, ""))
        began = time.perf_counter()
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _sign(request, response, request_id, began)
        return _finish(request, response, request_id, began)


async def _finish(
    request: HttpRequest, response: Awaitable[HttpResponseBase], request_id: str, began: float
) -> HttpResponseBase:
    return _sign(request, await response, request_id, began)


def _sign(
    request: HttpRequest, response: HttpResponseBase, request_id: str, began: float
) -> HttpResponseBase:
    observe_request(request, response, began=began)
    if request.path.startswith(API_PATHS):
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response = _not_allowed(request, response)
        elif response.status_code == HTTPStatus.BAD_REQUEST and PAGE in response.get("Content-Type", ""):
            response = refuse(request, 400, STRANGE)
        # The APIs log their own failures, by route; Django would log the path, which may hold a token.
        response._has_been_logged = True  # type: ignore[attr-defined]
        for name, value in NO_PAGE.items():
            response.headers.setdefault(name, value)
    response[HEADER] = request_id
    for name, value in getattr(request, "limit_headers", {}).items():
        response[name] = value
    return response


def _not_allowed(request: HttpRequest, plain: HttpResponseBase) -> HttpResponseBase:
    """The refusal of a method, which never comes to an API's handlers, in the API's envelope."""
    allowed = plain.headers.get("Allow", "")
    sentence = "%(method)s is not allowed here: use %(allowed)s."
    response = refuse(request, 405, Reason(sentence, {"method": request.method or "", "allowed": allowed}))
    response["Allow"] = allowed
    return response


def refuse(request: HttpRequest, status: int, message: Reason) -> HttpResponse:
    """A refusal in the envelope of the API that the request is for, and in the reader's language."""
    answer = openai_errors.answer if request.path.startswith(OPENAI_PATHS) else errors.answer
    with override(get_language_from_request(request)):
        return answer(status, message)

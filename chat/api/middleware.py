"""What every response says: the request's id (the caller's, or a new one), and what is left of a limit."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

API_PATHS = ("/api/", "/v1/")
HEADER = "X-Request-Id"
ACCEPTED = re.compile(r"[\w.:-]{1,100}", re.ASCII)

_current: ContextVar[str] = ContextVar("request_id", default="-")

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
        request_id = choose_id(request.headers.get(HEADER, ""))
        _current.set(request_id)
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _sign(request, response, request_id)
        return _finish(request, response, request_id)


async def _finish(
    request: HttpRequest, response: Awaitable[HttpResponseBase], request_id: str
) -> HttpResponseBase:
    return _sign(request, await response, request_id)


def _sign(request: HttpRequest, response: HttpResponseBase, request_id: str) -> HttpResponseBase:
    response[HEADER] = request_id
    if request.path.startswith(API_PATHS):
        # The APIs log their own failures, by route; Django would log the path, which may hold a token.
        response._has_been_logged = True  # type: ignore[attr-defined]
    for name, value in getattr(request, "limit_headers", {}).items():
        response[name] = value
    return response


def choose_id(given: str) -> str:
    """What the caller gave, if it can stand in a log; else a new id."""
    return given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex


def current_request_id() -> str:
    """The id of the request being answered; `-` outside of one."""
    return _current.get()


class RequestIdFilter(logging.Filter):
    """Gives every record its `request_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Adds to the record; drops none."""
        record.request_id = _current.get()
        return True

"""The short way through Django for programs, which bring a key or a token and want no page."""

from __future__ import annotations

from os import SEEK_END
from typing import IO, Any, cast

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from corsheaders.middleware import CorsMiddleware
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware

from chat.api.middleware import API_PATHS, RequestMiddleware
from chat.api.turnstile import Turnstile


def inline(middleware: Any) -> Any:
    """One of Django's that waits for nothing, so that it needs no thread before and after the view."""

    class Inline(middleware):  # type: ignore[misc]  # whichever it is
        async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
            early: HttpResponseBase | None = self.process_request(request)
            response: HttpResponseBase = early or await self.get_response(request)
            answer: HttpResponseBase = self.process_response(request, response)
            return answer

    return Inline


PASSED = (
    *(RequestMiddleware, CorsMiddleware),
    *map(inline, (SecurityMiddleware, LocaleMiddleware, CommonMiddleware)),
    Turnstile,
)
"""What a program's request passes, the outermost first."""


class ProgramRequest(ASGIRequest):
    """One whose body may come in pieces: Django reads no form without a length, and has all of it by now."""

    def __init__(self, scope: Any, body_file: IO[bytes]) -> None:
        super().__init__(scope, body_file)
        if "CONTENT_LENGTH" not in self.META:
            body_file.seek(0, SEEK_END)
            self.META["CONTENT_LENGTH"] = str(body_file.tell())
            body_file.seek(0)


class ProgramHandler(ASGIHandler):
    """Django without what only browsers need: cookies, forms, static files."""

    request_class = ProgramRequest

    def load_middleware(self, is_async: bool = True) -> None:
        """Those of `PASSED`, none of which looks at views."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        respond = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]
        for middleware in reversed(PASSED):
            respond = convert_exception_to_response(middleware(respond))
        self._middleware_chain = respond


class Entrance:
    """Sends programs the short way, and everybody else to `pages`."""

    def __init__(self, pages: ASGI3Application) -> None:
        self._pages = pages
        self._programs = cast("ASGI3Application", ProgramHandler())

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        way = self._programs if is_program(scope) else self._pages
        await way(scope, receive, send)


def is_program(scope: Scope) -> bool:
    """Whether a key or a token comes with a request to an API."""
    if scope["type"] != "http" or not scope["path"].startswith(API_PATHS):
        return False
    return any(
        name == b"authorization" and value[:7].lower() == b"bearer " for name, value in scope["headers"]
    )

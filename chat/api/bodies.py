"""How large a request's body may be. Django writes all of it to disk before a view is asked."""

from __future__ import annotations

import asyncio
import contextlib
import re
from io import BytesIO
from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware

from chat.api.middleware import RequestMiddleware, refuse
from inference.types.errors import Reason

FORM_BYTES = 1 << 20
"""What a form may add to its file."""

DRAINED_BYTES = 64 << 20
DRAIN_SECONDS = 10.0


class BodyLimit:
    """Refuses what is larger than its path allows, by its Content-Length or as soon as it has come."""

    def __init__(self, application: ASGI3Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        limit = body_limit(path)
        left = limit
        answered = False

        async def receive_some() -> Any:
            nonlocal left
            event = await receive()
            if event["type"] == "http.request":
                left -= len(event.get("body", b""))
            return event if left >= 0 else {"type": "http.disconnect"}

        async def send_on(event: Any) -> None:
            nonlocal answered
            answered = True
            await send(event)

        if _declared(scope) <= limit:
            await self._application(scope, receive_some, send_on)
        else:
            left = -1
        if left < 0 and not answered:
            await _drain(receive)
            await _refuse(scope, send)


def body_limit(path: str) -> int:
    """The most bytes that a request to this path may have."""
    for pattern, limit in settings.FILE_PATHS.items():
        if re.search(pattern, path):
            return int(getattr(settings, limit)) + FORM_BYTES
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _declared(scope: Scope) -> int:
    given = dict(scope["headers"]).get(b"content-length", b"") if scope["type"] == "http" else b""
    return int(given) if given.isdigit() else 0


async def _drain(receive: ASGIReceiveCallable) -> None:
    """Hear some more of the body: who is hung up on while speaking does not hear the answer."""
    left = DRAINED_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                event = await receive()
                if event["type"] != "http.request" or not event.get("more_body", False):
                    return
                left -= len(event.get("body", b""))


def _too_large(request: HttpRequest) -> HttpResponse:
    sentence = "The request is too large: at most %(most)s bytes are allowed here."
    return refuse(request, 413, Reason(sentence, {"most": body_limit(request.path)}))


async def _refuse(scope: Scope, send: ASGISendCallable) -> None:
    """As every other refusal, though Django does not get to see the body."""
    respond: Any = _too_large
    for middleware in (LocaleMiddleware, SecurityMiddleware, CorsMiddleware, RequestMiddleware):
        respond = middleware(respond)
    response = respond(ASGIRequest(scope, BytesIO()))
    response["Connection"] = "close"
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": headers, "trailers": False}
    )
    await send({"type": "http.response.body", "body": response.content, "more_body": False})

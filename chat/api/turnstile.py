"""Where many programs ask at the same moment, the first are answered first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from chat.realtime.database import THREADS

AT_ONCE = THREADS
PATHS = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/responses"})


class Turnstile:
    """Lets requests for turns in a few at a time, in the order in which they came, until each has its turn.

    Without it all go through each step together, and the first one's turn is stored hardly before the last
    one's.
    """

    async_capable, sync_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self._get_response = get_response
        self._room = asyncio.Semaphore(AT_ONCE)
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, begun when there is room."""
        if request.method != "POST" or request.path not in PATHS:
            return await self._get_response(request)
        await self._room.acquire()
        with ExitStack() as inside:
            inside.callback(self._room.release)
            request.inside = inside  # type: ignore[attr-defined]
            return await self._get_response(request)


def pass_through(request: HttpRequest) -> None:
    """The request has its turn, or gets none: what follows may last, and the next one may begin."""
    if inside := getattr(request, "inside", None):
        inside.close()

"""One call: a request sent, and its answer read piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import msgspec

from inference.remote import problems
from inference.remote.calls import Fragment
from inference.remote.problems import ProviderError
from inference.remote.routes import Route

MAX_FRAME = 1 << 20
MAX_ERROR_BODY = 1 << 16


class Counts(msgspec.Struct, frozen=True):
    """Usage as the provider has counted it; of the details only the cached tokens are read."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: dict[str, Any] | None = None

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens that the provider had to compute no more."""
        cached = (self.prompt_tokens_details or {}).get("cached_tokens")
        return cached if isinstance(cached, int) else 0


class _Said(msgspec.Struct, frozen=True):
    content: str | None = None
    tool_calls: list[Fragment] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Said | None = None
    finish_reason: str | None = None


class Frame(msgspec.Struct, frozen=True):
    """One frame of the stream, as far as we read it."""

    choices: list[_Choice] = []
    usage: Counts | None = None
    error: Any = None

    @property
    def text(self) -> str:
        """What is said; empty in the frames of roles, reasoning and usage."""
        return (self.choices[0].delta.content or "") if self.choices and self.choices[0].delta else ""

    @property
    def calls(self) -> list[Fragment]:
        """Pieces of calls of functions."""
        return (self.choices[0].delta.tool_calls or []) if self.choices and self.choices[0].delta else []

    @property
    def finish_reason(self) -> str | None:
        """Why it ends here."""
        return self.choices[0].finish_reason if self.choices else None


async def stream_answer(
    client: httpx2.AsyncClient, route: Route, payload: dict[str, Any], hear: Callable[[Frame], bool]
) -> None:
    """Read one answer to its regular end, or until `hear` says that it is enough. Raises `ProviderError`.

    The connection is closed on leaving, however that comes. Keep-alive comments are no frames, and so do
    not prolong the time-outs.
    """
    silence_s = route.first_token_timeout_s
    finished = False
    try:
        async with asyncio.timeout(silence_s) as patience, _open(client, route, payload) as response:
            await _require_stream(route, response)
            source = httpx2.EventSource(response, max_event_size=MAX_FRAME)
            async for event in source:
                if event.data == "[DONE]":
                    break
                frame = _decode(route, event.data)
                silence_s = route.idle_timeout_s
                patience.reschedule(asyncio.get_running_loop().time() + silence_s)
                if hear(frame):
                    return
                finished = finished or frame.finish_reason is not None
    except (TimeoutError, httpx2.HTTPError) as error:
        if not finished:
            raise _problem_of(route, error, silence_s) from error
    if not finished:
        raise problems.lost(route)


def _problem_of(route: Route, error: Exception, silence_s: float) -> ProviderError:
    match error:
        case TimeoutError():
            return problems.too_slow(route, silence_s)
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.UnsupportedProtocol():
            return problems.unreachable(route)
        case httpx2.SSEError() | httpx2.DecodingError():
            return problems.unreadable(route)
    return problems.lost(route)


def _open(
    client: httpx2.AsyncClient, route: Route, payload: dict[str, Any]
) -> AbstractAsyncContextManager[httpx2.Response]:
    return client.stream(
        "POST",
        f"{route.base_url.rstrip('/')}/chat/completions",
        content=msgspec.json.encode(payload),
        headers=_headers(route),
        timeout=httpx2.Timeout(None, connect=route.connect_timeout_s),
    )


def _headers(route: Route) -> dict[str, str]:
    headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
    return headers | ({"Authorization": f"Bearer {route.api_key}"} if route.api_key else {})


async def _require_stream(route: Route, response: httpx2.Response) -> None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 200 and kind == "text/event-stream":
        return
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ERROR_BODY:
            break
    if response.status_code == 200:
        raise _told_error(route, bytes(body)) or problems.unreadable(route)
    raise problems.from_status(
        route, response.status_code, bytes(body), response.headers.get("retry-after", "")
    )


def _decode(route: Route, data: str) -> Frame:
    try:
        frame = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise problems.unreadable(route) from error
    if frame.error or frame.finish_reason == "error":
        raise _told_error(route, data.encode()) or problems.lost(route)
    return frame


_decoder = msgspec.json.Decoder(Frame)


def _told_error(route: Route, body: bytes) -> ProviderError | None:
    """The problem in a body that says `error` where the status had said that all is well."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    error = told.get("error") if isinstance(told, dict) else None
    if not error:
        return None
    code = str(error.get("code")) if isinstance(error, dict) else ""
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 500
    return problems.from_status(route, status, body)

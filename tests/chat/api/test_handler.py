"""The short way of programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chat.api.handler import Entrance, ProgramHandler, is_program
from chat.realtime.database import in_database
from chatproject.threads import KeptThreads
from tests.support.api import Caller, offer_model

BEARER = (b"authorization", b"Bearer pk_x")


@pytest.mark.parametrize(
    ("path", "header", "expected"),
    [
        ("/v1/models", BEARER, True),
        ("/api/v1/chat/sessions", (b"authorization", b"bearer x.y.z"), True),
        ("/v1/models", (b"cookie", b"sessionid=x"), False),
        ("/v1/models", (b"authorization", b"Basic eDp5"), False),
        ("/accounts/login/", BEARER, False),
    ],
)
async def test_only_keys_and_tokens_for_an_api_go_there(
    path: str, header: tuple[bytes, bytes], expected: bool
) -> None:
    went = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        went.append(scope["path"])

    scope: Any = {"type": "http", "path": path, "headers": [header]}
    assert is_program(scope) is expected
    if not expected:
        await Entrance(pages)(scope, None, None)  # type: ignore[arg-type]
        assert went == [path]


async def ask(path: str, secret: str, *, method: str = "GET", **kwargs: Any) -> httpx2.Response:
    application: Any = KeptThreads(ProgramHandler())  # type: ignore[arg-type]
    transport = httpx2.ASGITransport(application)
    headers = {"Authorization": f"Bearer {secret}"} | kwargs.pop("headers", {})
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as client:
        return await client.request(method, path, **kwargs)


@pytest.mark.django_db(transaction=True)
class TestAnswers:
    async def test_they_are_those_of_the_long_way(self) -> None:
        caller = await in_database(Caller)()
        await in_database(offer_model)()
        for path in ("/v1/models", "/api/v1/chat/sessions", "/v1/nothing", "/api/docs", "/v1/models/x"):
            short = await ask(path, caller.secret)
            long = await in_database(caller.get)(path)
            assert short.status_code == long.status_code
            assert short.headers["Content-Type"] == long.headers["Content-Type"]
            for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
                assert short.headers[name] == long.headers[name]
            assert short.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert len(short.headers["X-Request-Id"]) == 32
            assert short.headers["Content-Length"] == str(len(short.content))
            if path != "/v1/nothing" and not path.startswith("/api"):
                assert short.content == long.content

    async def test_a_form_that_comes_in_pieces_is_read(self, files_dir: Path) -> None:
        """As OpenAI's JavaScript package sends a file that it streams: without a Content-Length."""
        caller = await in_database(Caller)()

        async def pieces() -> AsyncIterator[bytes]:
            for name, value in (('file"; filename="x.jsonl', "{}"), ("purpose", "batch")):
                yield f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            yield b"--x--\r\n"

        form = {"Content-Type": "multipart/form-data; boundary=x"}
        sent = await ask("/v1/files", caller.secret, method="POST", content=pieces(), headers=form)
        assert (sent.status_code, sent.json().get("bytes")) == (200, 2)

    async def test_refusals_too(self) -> None:
        caller = await in_database(Caller)()
        body = {"messages": [{"role": "user", "content": "Hi"}], "model": "nobody"}
        unknown = await ask("/v1/chat/completions", caller.secret, method="POST", json=body)
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "model")
        assert (await ask("/v1/chat/completions", "pk_wrong", method="POST", json=body)).status_code == 401
        assert (await ask("/v1/models", caller.secret, method="PATCH")).status_code == 405
        foreign = await ask("/v1/models", caller.secret, headers={"Host": "elsewhere.example"})
        assert foreign.status_code == 400

    async def test_another_site_reads_it_only_when_it_is_allowed(self, settings: Any) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
        caller = await in_database(Caller)()
        for origin, allowed in (("https://friend.example", True), ("https://foe.example", False)):
            response = await ask("/v1/models", caller.secret, headers={"Origin": origin})
            assert ("Access-Control-Allow-Origin" in response.headers) is allowed

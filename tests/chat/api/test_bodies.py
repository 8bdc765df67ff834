"""Bodies that are too large are refused before they fill the disk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.api.bodies import FORM_BYTES, BodyLimit


async def request(
    pieces: list[bytes], *, declared: int | None = None, path: str = "/v1/files"
) -> tuple[int, int]:
    """What a client gets for a body: the status, and how many bytes the application was given."""
    read = 0
    sent: list[Any] = []
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events.append({"type": "http.request", "body": b"", "more_body": False})

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            read += len(event["body"])
            if not event["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        return events.pop(0)

    async def send(event: Any) -> None:
        sent.append(event)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    scope: Any = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    await BodyLimit(application)(scope, receive, send)
    return sent[0]["status"], read


@pytest.fixture(autouse=True)
def _small(settings: Any) -> None:
    settings.MAX_FILE_BYTES = 10
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 20


async def test_a_small_body_passes() -> None:
    assert await request([b"x" * 10], declared=10) == (200, 10)


async def test_a_declared_length_is_refused_unread() -> None:
    assert await request([b"x"], declared=FORM_BYTES + 11) == (413, 0)


async def test_an_undeclared_one_when_it_has_come() -> None:
    status, read = await request([b"x" * FORM_BYTES, b"x" * 11])
    assert (status, read) == (413, FORM_BYTES)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/files/", "/batches/"])
async def test_files_come_to_programs_and_to_the_page(path: str) -> None:
    assert await request([b"x" * FORM_BYTES, b"x" * 10], declared=FORM_BYTES + 10, path=path) == (
        200,
        FORM_BYTES + 10,
    )


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/api/v1/chat/sessions", "/v1/files/1/content", "/batches/1/steer/"],
)
async def test_other_paths_take_less(path: str) -> None:
    assert await request([b"x" * 20], declared=20, path=path) == (200, 20)
    assert await request([b"x" * 12, b"x" * 9], path=path) == (413, 12)
    assert await request([b"x"], declared=21, path=path) == (413, 0)


@pytest.mark.parametrize(
    ("path", "code", "sentence"),
    [
        (
            "/api/v1/chat/sessions",
            "TOO_LARGE",
            "Die Anfrage ist zu groß: Höchstens 20 Byte sind hier erlaubt.",
        ),
        (
            "/v1/completions",
            "invalid_request_error",
            "Die Anfrage ist zu groß: Höchstens 20 Byte sind hier erlaubt.",
        ),
    ],
)
async def test_each_api_refuses_as_it_does_elsewhere(
    path: str, code: str, sentence: str, settings: Any
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    headers = [(b"content-length", b"21"), (b"x-request-id", b"mine-7")]
    headers += [(b"origin", b"https://friend.example"), (b"accept-language", b"de")]
    scope: Any = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await BodyLimit(None)(scope, receive, send)  # type: ignore[arg-type]  # it is not asked
    body = json.loads(sent[1]["body"])
    assert code in (body.get("error_code"), body["error"] if "error_code" in body else body["error"]["type"])
    assert sentence in str(body)
    said = dict(sent[0]["headers"])
    assert (said[b"x-request-id"], said[b"connection"]) == (b"mine-7", b"close")
    assert said[b"access-control-allow-origin"] == b"https://friend.example"
    assert (said[b"x-frame-options"], said[b"x-content-type-options"]) == (b"DENY", b"nosniff")

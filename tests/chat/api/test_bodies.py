"""Bodies that are too large are refused before they fill the disk."""

from __future__ import annotations

from typing import Any

import pytest

from chat.api.bodies import FORM_BYTES, BodyLimit


async def request(pieces: list[bytes], *, declared: int | None = None) -> tuple[int, int]:
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
    await BodyLimit(application)({"type": "http", "headers": headers}, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"], read


@pytest.fixture(autouse=True)
def _small(settings: Any) -> None:
    settings.MAX_FILE_BYTES = 10


async def test_a_small_body_passes() -> None:
    assert await request([b"x" * 10], declared=10) == (200, 10)


async def test_a_declared_length_is_refused_unread() -> None:
    assert await request([b"x"], declared=FORM_BYTES + 11) == (413, 0)


async def test_an_undeclared_one_when_it_has_come() -> None:
    status, read = await request([b"x" * FORM_BYTES, b"x" * 11])
    assert (status, read) == (413, FORM_BYTES)

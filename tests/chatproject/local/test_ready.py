"""Readiness is read from the health endpoint, whatever host names are allowed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from chatproject.local.deployment import Deployment
from chatproject.local.ready import is_failing, is_ready
from tests.support.services import free_port

ALL_OK = {"database": "ok", "redis": "ok", "workers": "ok"}


class Health(BaseHTTPRequestHandler):
    """Answers with what the test says, and remembers what it was asked for."""

    body = b"{}"
    host = ""

    def do_GET(self) -> None:
        type(self).host = self.headers["Host"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  named by http.server
        """Quiet."""


@pytest.fixture
def server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def deployment(port: int, *, workers: int = 1, host: str = "127.0.0.1") -> Deployment:
    return Deployment(data_dir=Path("/tmp"), host=host, port=port, workers=workers)


@pytest.mark.parametrize(
    ("checks", "workers", "expected"),
    [
        (ALL_OK, 1, True),
        (ALL_OK | {"workers": "none ready"}, 1, False),
        (ALL_OK | {"workers": "none ready"}, 0, True),
        (ALL_OK | {"redis": "unreachable"}, 1, False),
        (ALL_OK | {"database": "unreachable"}, 0, False),
        ({}, 0, False),
    ],
)
def test_what_counts_as_ready(server: int, checks: dict[str, str], workers: int, expected: bool) -> None:
    Health.body = json.dumps({"checks": checks}).encode()
    assert is_ready(deployment(server, workers=workers)) is expected


@pytest.mark.parametrize(("workers", "expected"), [("ok", False), ("none", False), ("failing", True)])
def test_what_counts_as_failing(server: int, workers: str, expected: bool) -> None:
    Health.body = json.dumps({"checks": ALL_OK | {"workers": workers}}).encode()
    assert is_failing(deployment(server)) is expected


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}"])
def test_another_answer_is_not_ready(server: int, body: bytes) -> None:
    Health.body = body
    assert not is_ready(deployment(server))


def test_nobody_there() -> None:
    assert not is_ready(deployment(free_port()))


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [(["chat.example.org"], "chat.example.org"), (["*"], "localhost"), ([".example.org"], "example.org")],
)
def test_it_asks_under_an_allowed_name(
    server: int, settings: Settings, allowed: list[str], asked: str
) -> None:
    settings.ALLOWED_HOSTS = allowed
    Health.body = json.dumps({"checks": ALL_OK}).encode()
    assert is_ready(deployment(server, host="0.0.0.0"))
    assert Health.host == asked

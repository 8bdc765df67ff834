"""The example clients, as their readers run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.parley_client import AsyncParley, Parley
from tests.support.stack import ROOT, Stack
from tools.frontend import node_directory

pytestmark = pytest.mark.stack
TOKENS = 20


class Breaking(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """Breaks off after a few pieces, as a lost connection does."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for number, piece in enumerate(self.stream):
            if number == 3:
                raise httpx2.ReadError("lost")
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        number = 0
        async for piece in self.stream:
            if number == 3:
                raise httpx2.ReadError("lost")
            number += 1
            yield piece

    def close(self) -> None:
        self.stream.close()

    async def aclose(self) -> None:
        await self.stream.aclose()


def breaks(response: httpx2.Response) -> httpx2.Response:
    """Every first stream of a reply is lost."""
    is_first = "Last-Event-ID" not in response.request.headers
    if is_first and response.request.url.path.endswith("/stream"):
        response.stream = Breaking(response.stream)
    return response


class BreakingTransport(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        response.request = request
        return breaks(response)


class AsyncBreakingTransport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.request = request
        return breaks(response)


def stored(parley: Parley, session_id: str) -> str:
    return str(parley.call("GET", f"sessions/{session_id}/messages")["messages"][-1]["content"])


def test_the_sync_client_resumes_a_lost_stream(paced_stack: Stack, paced_key: str) -> None:
    with Parley(paced_stack.url, paced_key, transport=BreakingTransport()) as parley:
        session = parley.new_session(title="Tea")
        text = "".join(parley.ask(session["id"], "Hello", max_tokens=TOKENS))
        assert text == stored(parley, session["id"]) != ""
        assert session["id"] in [row["id"] for row in parley.sessions()]


async def test_the_async_client_resumes_a_lost_stream(paced_stack: Stack, paced_key: str) -> None:
    async with AsyncParley(paced_stack.url, paced_key, transport=AsyncBreakingTransport()) as parley:
        session = await parley.new_session()
        text = "".join([piece async for piece in parley.ask(session["id"], "Hello", max_tokens=TOKENS)])
        listed = await parley.call("GET", f"sessions/{session['id']}/messages")
        assert text == listed["messages"][-1]["content"] != ""
        assert session["id"] in [row["id"] async for row in parley.sessions()]


@pytest.mark.parametrize("language", ["python", "js"])
def test_what_the_page_shows_runs(paced_stack: Stack, paced_key: str, language: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    [source] = re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
    script = tmp_path / ("example.py" if language == "python" else "example.mjs")
    script.write_text(source)
    program = sys.executable if language == "python" else str(node_directory() / "node")
    env = os.environ | {
        "PARLEY_URL": paced_stack.url,
        "PARLEY_KEY": paced_key,
        "PYTHONPATH": str(ROOT / "examples"),
    }
    done = subprocess.run([program, script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with Parley(paced_stack.url, paced_key) as parley:
        newest = next(parley.sessions())
        assert done.stdout == stored(parley, newest["id"]) != ""

"""llama-cpp-python's own OpenAI-compatible server: a provider that nobody here wrote."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chatproject.local.processes import end_with_parent
from tests.support.services import free_port
from tests.support.waiting import wait_until


@dataclass
class LlamaServer:
    """A running server; `url` is what a provider's `base_url` would be."""

    process: subprocess.Popen[bytes]
    url: str


@contextlib.contextmanager
def start_llama_server(model: Path, *, n_ctx: int = 2048) -> Iterator[LlamaServer]:
    """Serve a model on a free port of loopback."""
    port = free_port()
    options = f"--host 127.0.0.1 --port {port} --n_ctx {n_ctx} --n_threads 1 --interrupt_requests false"
    process = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", "--model", str(model), *options.split()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    server = LlamaServer(process, f"http://127.0.0.1:{port}/v1")
    try:
        wait_until(lambda: _answers(server), timeout=60, what="llama-cpp-python's server")
        yield server
    finally:
        process.kill()
        process.wait()


def _answers(server: LlamaServer) -> bool:
    if server.process.poll() is not None:
        raise AssertionError("llama-cpp-python's server ended: is requirements-dev.txt installed?")
    try:
        urllib.request.urlopen(f"{server.url}/models", timeout=2).close()
    except (urllib.error.URLError, OSError):
        return False
    return True

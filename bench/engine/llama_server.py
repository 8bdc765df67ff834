"""llama-server as it comes, over HTTP on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.engine.build import find_llama_server
from bench.engine.servers import Ask, Trace
from inference.config import usable_cores

START_S = 120.0


class LlamaServer:
    """As many slots as are asked for and as many threads as we use; everything else as it decides itself."""

    name = "llama-server"

    def __init__(self, model: Path, slots: int, n_ctx: int, *flags: str) -> None:
        self._port = _free_port()
        command = [str(find_llama_server()), "-m", str(model), "--host", "127.0.0.1"]
        command += ["--port", str(self._port)]
        command += ["-np", str(slots), "-c", str(slots * n_ctx), "-t", str(usable_cores()), *flags]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_until_ready()

    @property
    def url(self) -> str:
        """Where HTTP answers."""
        return f"http://127.0.0.1:{self._port}"

    def ask(self, ask: Ask, trace: Trace, clock: Callable[[], float]) -> None:
        """Stream one completion of token ids."""
        body = {
            "prompt": ask.prompt,
            "n_predict": ask.tokens,
            "temperature": 0,
            "stream": True,
            "return_tokens": True,
        }
        for event in self._stream("/completion", body):
            if tokens := event.get("tokens"):
                trace.times += [clock()] * len(tokens)
                trace.token_ids += tokens
            if event.get("stop"):
                trace.cached = event["timings"]["cache_n"]

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()

    def _stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            for line in connection.getresponse():
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("llama-server does not start")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            try:
                connection.request("GET", "/health")
            except ConnectionError:
                return False
            return connection.getresponse().status == http.HTTPStatus.OK


def without_flash_attention(model: Path, slots: int, n_ctx: int) -> LlamaServer:
    """Its other setting: faster at decoding on a CPU."""
    server = LlamaServer(model, slots, n_ctx, "-fa", "off")
    server.name = "llama-server -fa off"
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""`/v1/chat/completions` as streams: the whole stack beside llama-server, on one model, in one run."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.api.options import Options
from bench.engine.llama_server import LlamaServer, without_flash_attention
from bench.engine.model import find_model
from bench.report import Result
from tests.support.chat_client import create_api_key
from tests.support.stack import start_stack

CLIENTS = {1: 4, 8: 3, 16: 3}
"""How many at a time, and how many requests each of them sends, one after the other."""
SLOTS = 16
CONTEXT = 1024
TOKENS = 48
ROUNDS = 2
PARLEY = "parley"


@dataclass(frozen=True)
class Target:
    """Where a server answers."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Load:
    """What one number of clients saw of one server, all rounds together."""

    ttfts: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def streams(options: Options) -> list[Result]:
    """Tokens a second and time to the first one, at 1, 8 and 16 clients."""
    model = find_model(options.model)
    loads: dict[tuple[str, int], Load] = {}
    with targets(model) as found:
        for round_number in range(ROUNDS):
            for name, target in found.items():
                for clients, requests in CLIENTS.items():
                    load = loads.setdefault((name, clients), Load())
                    measure(target, model.stem, clients, requests, load, round_number)
    return [result for clients in CLIENTS for result in compare(loads, clients)]


@contextlib.contextmanager
def targets(model: Path) -> Iterator[dict[str, Target]]:
    """Everybody at once, idle but for the one that is measured."""
    with contextlib.ExitStack() as running:
        peers = [start(model, SLOTS, CONTEXT) for start in (LlamaServer, without_flash_attention)]
        for peer in peers:
            running.callback(peer.close)
        sizes: Any = {"MODEL": str(model), "SLOTS": str(SLOTS), "CONTEXT_SIZE": str(CONTEXT)}
        stack = running.enter_context(start_stack(MAX_QUEUED_PER_USER="100", **sizes))
        ours = Target(stack.url, {"Authorization": f"Bearer {create_api_key(stack)}"})
        yield {PARLEY: ours} | {peer.name: Target(peer.url) for peer in peers}


def measure(target: Target, model: str, clients: int, requests: int, load: Load, round_number: int) -> None:
    """One round: every client sends its requests; nobody's prompt is like another's."""
    ask(target, model, "warm up")
    started_at = time.perf_counter()

    def work(client: int) -> list[tuple[float, int]]:
        return [
            ask(target, model, f"{round_number} {client} {request}: tell me about it")
            for request in range(requests)
        ]

    with ThreadPoolExecutor(clients) as threads:
        seen = [each for found in threads.map(work, range(clients)) for each in found]
    elapsed = time.perf_counter() - started_at
    load.rates.append(sum(tokens for _, tokens in seen) / elapsed)
    load.ttfts += [ttft for ttft, _ in seen]


def ask(target: Target, model: str, content: str) -> tuple[float, int]:
    """Milliseconds to the first text of a streamed reply, and its number of tokens."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": TOKENS,
        "seed": 1,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    sent_at = time.perf_counter()
    ttft, tokens = 0.0, 0
    for chunk in read(target, body):
        if not ttft and chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
            ttft = (time.perf_counter() - sent_at) * 1000
        if chunk.get("usage"):
            tokens = chunk["usage"]["completion_tokens"]
    return ttft, tokens


def read(target: Target, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of a stream."""
    address = urlsplit(target.url).netloc
    with contextlib.closing(http.client.HTTPConnection(address, timeout=120)) as connection:
        headers = {"Content-Type": "application/json"} | target.headers
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        for line in connection.getresponse():
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])


def compare(loads: dict[tuple[str, int], Load], clients: int) -> list[Result]:
    """Ours beside the better of the peer's settings."""
    here = {name: load for (name, number), load in loads.items() if number == clients}
    rates = {name: statistics.median(load.rates) for name, load in here.items()}
    ttfts = {name: statistics.median(load.ttfts) for name, load in here.items()}
    best_rate = max(rate for name, rate in rates.items() if name != PARLEY)
    best_ttft = min(ttft for name, ttft in ttfts.items() if name != PARLEY)
    name = f"/v1 streams, {clients} clients"
    shown = {server: round(rate, 1) for server, rate in rates.items()}
    return [
        Result(
            name=f"{name}: llama-server's tokens a second ÷ ours",
            unit="",
            bounds={"ratio": round(1 / 0.95, 3)},
            figures={"ratio": round(best_rate / rates[PARLEY], 3), **shown},
            samples=here[PARLEY].rates,
        ),
        Result(
            name=f"{name}: first text after llama-server's, p50",
            unit="ms",
            bounds={"later": 30},
            figures={
                "later": round(ttfts[PARLEY] - best_ttft, 1),
                **{server: round(ttft, 1) for server, ttft in ttfts.items()},
            },
            samples=here[PARLEY].ttfts,
        ),
    ]

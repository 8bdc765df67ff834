"""`/v1/chat/completions` as streams: the whole stack beside llama-server, on one model, in one run.

What a request costs beside its tokens weighs on short replies most, so there are two lengths of them.
"""

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

CLIENTS = (1, 8, 16)
REQUESTS = {48: 3, 256: 2}
"""Tokens of a reply, and how many such requests each client sends, one after the other."""
SLOTS = 16
CONTEXT = 1024
ROUNDS = 2
PARLEY = "parley"


@dataclass(frozen=True)
class Target:
    """Where a server answers."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """How many ask at a time, and for how many tokens each time."""

    clients: int
    tokens: int


@dataclass
class Load:
    """What one shape of load saw of one server, all rounds together."""

    ttfts: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def streams(options: Options) -> list[Result]:
    """Tokens a second and time to the first one, at 1, 8 and 16 clients, of short and of longer replies."""
    model = find_model(options.model)
    shapes = [Shape(clients, tokens) for tokens in REQUESTS for clients in CLIENTS]
    loads: dict[tuple[str, Shape], Load] = {}
    with targets(model) as found:
        for round_number in range(ROUNDS):
            for shape in shapes:
                for name, target in found.items():
                    load = loads.setdefault((name, shape), Load())
                    measure(target, model.stem, shape, load, round_number)
    return [result for shape in shapes for result in compare(loads, shape)]


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


def measure(target: Target, model: str, shape: Shape, load: Load, round_number: int) -> None:
    """One round: every client sends its requests; nobody's prompt is like another's."""
    ask(target, model, "warm up", tokens=min(REQUESTS))
    started_at = time.perf_counter()

    def work(client: int) -> list[tuple[float, int]]:
        return [
            ask(
                target,
                model,
                f"{round_number} {client} {request}: tell me about it",
                tokens=shape.tokens,
            )
            for request in range(REQUESTS[shape.tokens])
        ]

    with ThreadPoolExecutor(shape.clients) as threads:
        seen = [each for found in threads.map(work, range(shape.clients)) for each in found]
    elapsed = time.perf_counter() - started_at
    load.rates.append(sum(tokens for _, tokens in seen) / elapsed)
    load.ttfts += [ttft for ttft, _ in seen]


def ask(target: Target, model: str, content: str, *, tokens: int) -> tuple[float, int]:
    """Milliseconds to the first text of a streamed reply, and its number of tokens."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        "seed": 1,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    sent_at = time.perf_counter()
    ttft, counted = 0.0, 0
    for chunk in read(target, body):
        if not ttft and chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
            ttft = (time.perf_counter() - sent_at) * 1000
        if chunk.get("usage"):
            counted = chunk["usage"]["completion_tokens"]
    return ttft, counted


def read(target: Target, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of a stream."""
    address = urlsplit(target.url).netloc
    with contextlib.closing(http.client.HTTPConnection(address, timeout=120)) as connection:
        headers = {"Content-Type": "application/json"} | target.headers
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        for line in connection.getresponse():
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])


def compare(loads: dict[tuple[str, Shape], Load], shape: Shape) -> list[Result]:
    """Ours beside the better of the peer's settings."""
    here = {name: load for (name, other), load in loads.items() if other == shape}
    rates = {name: statistics.median(load.rates) for name, load in here.items()}
    ttfts = {name: statistics.median(load.ttfts) for name, load in here.items()}
    best_rate = max(rate for name, rate in rates.items() if name != PARLEY)
    best_ttft = min(ttft for name, ttft in ttfts.items() if name != PARLEY)
    name = f"/v1 streams, {shape.clients} clients, replies of {shape.tokens} tokens"
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

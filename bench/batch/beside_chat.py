"""What chat feels of a long queue of batch lines."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from bench.api.streams import Target, read
from bench.batch.jobs import look, open_client, request_line, submit, write_lines
from bench.batch.options import Options
from bench.engine.model import find_model
from bench.report import Result, percentile
from tests.support.chat_client import create_api_key
from tests.support.services import temporary_directory
from tests.support.stack import Stack, start_stack
from tests.support.waiting import wait_until

SLOTS = 8
CONTEXT = 1024
CHAT_TOKENS = 48
LINE_TOKENS = 64
EXTRA_MS = 20


@dataclass
class Felt:
    """What one person who chats alone has seen."""

    ttfts: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def beside_chat(options: Options) -> list[Result]:
    """With batch paused beside chat, which is the default on a CPU, and with a share of one stream."""
    return [
        *measure(options, "batch paused", at_least=0.9, BATCH_PAUSES="on"),
        *measure(options, "batch share of one", at_least=0.75, BATCH_PAUSES="on", BATCH_SHARE="1"),
    ]


def measure(options: Options, name: str, *, at_least: float, **env: str) -> list[Result]:
    """The same person before and while all slots are busy with batch lines."""
    model = find_model(options.model)
    with running(model, **env) as (stack, client):
        target = Target(stack.url, {"Authorization": client.headers["Authorization"]})
        idle = chat(target, model.stem, options.probes)
        batch_id = queue_lines(client, model.stem, options.lines)
        wait_until(lambda: completed(client, batch_id) >= 2 * SLOTS, timeout=600, what="lines that end")
        step_ms = measure_step(client, batch_id)
        busy = chat(target, model.stem, options.probes)
    allowed = percentile(idle.ttfts, 99) + step_ms + EXTRA_MS
    ratio = statistics.median(idle.rates) / statistics.median(busy.rates)
    return [
        Result(
            name=f"first text, {options.lines} lines queued, {name}: p99",
            unit="ms",
            bounds={"busy": round(allowed, 1)},
            figures={
                "busy": round(percentile(busy.ttfts, 99), 1),
                "idle": round(percentile(idle.ttfts, 99), 1),
                "one step": round(step_ms, 1),
            },
            samples=busy.ttfts,
        ),
        Result(
            name=f"tokens a second alone ÷ with lines queued, {name}",
            unit="",
            bounds={"ratio": round(1 / at_least, 3)},
            figures={"ratio": round(ratio, 3), "busy": round(statistics.median(busy.rates), 1)},
            samples=busy.rates,
        ),
    ]


@contextmanager
def running(model: Path, **env: str) -> Iterator[tuple[Stack, httpx2.Client]]:
    """A stack on llama.cpp, and a client of it. Nothing is guessed: random weights repeat themselves."""
    sizes: Any = {
        "MODEL": str(model),
        "SLOTS": str(SLOTS),
        "CONTEXT_SIZE": str(CONTEXT),
        "PROMPT_LOOKUP": "0",
    }
    with start_stack(RATE_LIMIT_BURST="1000000", **(sizes | env)) as stack:
        key = create_api_key(stack)
        with open_client(stack, key) as client:
            yield stack, client


def queue_lines(client: httpx2.Client, model: str, lines: int) -> str:
    """A job of so many lines; returns its id."""
    with temporary_directory("bench-") as directory:
        requests = (
            request_line(number, model=model, content=f"{number}: tell me about it", tokens=LINE_TOKENS)
            for number in range(lines)
        )
        return submit(client, write_lines(directory / "lines.jsonl", requests))


def completed(client: httpx2.Client, batch_id: str) -> int:
    """How many lines have a result."""
    number: int = look(client, batch_id)["request_counts"]["completed"]
    return number


def measure_step(client: httpx2.Client, batch_id: str, seconds: float = 5.0) -> float:
    """How long a step of the engine takes while all slots decode, in milliseconds."""
    before, started = look(client, batch_id), time.perf_counter()
    time.sleep(seconds)
    after, elapsed = look(client, batch_id), time.perf_counter() - started
    tokens: int = after["usage"]["output_tokens"] - before["usage"]["output_tokens"]
    return 1000 * SLOTS * elapsed / max(1, tokens)


def chat(target: Target, model: str, probes: int) -> Felt:
    """One reply after the other, each to a new question; the first is for warmth."""
    felt = Felt()
    for number in range(probes + 1):
        ttft, rate = ask(target, model, f"{time.monotonic_ns()}: tell me about it")
        if number:
            felt.ttfts.append(ttft)
            felt.rates.append(rate)
    return felt


def ask(target: Target, model: str, content: str) -> tuple[float, float]:
    """Milliseconds to the first text, and tokens a second after it."""
    body: dict[str, Any] = json.loads(request_line(0, model=model, content=content, tokens=CHAT_TOKENS))
    body = body["body"] | {"stream": True}
    sent_at, numbers = time.perf_counter(), count()
    first_at = last_at = 0.0
    for chunk in read(target, body):
        if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
            last_at = time.perf_counter()
            first_at = first_at or last_at
            next(numbers)
    return (first_at - sent_at) * 1000, (CHAT_TOKENS - 1) / max(last_at - first_at, 1e-6)

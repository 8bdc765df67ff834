"""What a line costs in processor time, process by process: no other work on the machine changes that much."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.batch.jobs import open_client, request_line, submit, watch, write_lines
from bench.batch.options import Options
from bench.report import Result
from tests.support.chat_client import create_api_key
from tests.support.services import temporary_directory
from tests.support.stack import Stack, start_stack

IDLE_S = 10.0
SELDOM_S = 2.0
ROLES = {
    "uvicorn": "web",
    "inference.process.child": "engine",
    "redis-server": "redis",
    "clerk": "clerk",
    "worker": "worker",
}
"""By words of a command line, the most telling first."""
KINDS = {"long lines": (8, 64, 1), "short lines": (64, 4, 10)}
"""Slots, tokens of a line, and how many times as many lines."""


def costs(options: Options) -> list[Result]:
    """On the paced engine, which computes nothing."""
    return [
        measure(options, name, slots, tokens, times * options.measured)
        for name, (slots, tokens, times) in KINDS.items()
    ]


def measure(options: Options, name: str, slots: int, tokens: int, lines: int) -> Result:
    """One job, after a small one for warmth, beside what an idle deployment takes."""
    env: Any = {"SLOTS": str(slots), "PACED_RATE": str(options.rate), "RATE_LIMIT_BURST": "1000000"}
    with (
        start_stack("--backend", "paced", **env) as stack,
        open_client(stack, create_api_key(stack)) as client,
    ):
        run(client, 2 * slots, tokens)
        time.sleep(IDLE_S)  # until the clerk has left
        idle, idle_s = spent(stack), time.monotonic()
        time.sleep(IDLE_S)
        idle, idle_s = spent(stack) - idle, time.monotonic() - idle_s
        before, started = spent(stack), time.monotonic()
        run(client, lines, tokens)
        seconds = time.monotonic() - started
        taken = spent(stack) - before
    resting = Counter({role: ms / idle_s for role, ms in idle.items()})
    figures = {role: round(ms / lines, 2) for role, ms in sorted(taken.items())}
    beside_rest = sum(taken.values()) - seconds * sum(resting.values())
    return Result(
        name=f"processor time of {lines} lines, {name}",
        unit="ms",
        bounds={},
        figures={
            "a line": round(sum(taken.values()) / lines, 2),
            "beyond rest": round(beside_rest / lines, 2),
            **figures,
            "a second of rest": round(sum(resting.values()), 1),
            "seconds": round(seconds, 1),
        },
    )


def run(client: httpx2.Client, lines: int, tokens: int) -> None:
    """A job from its upload to its files."""
    with temporary_directory("bench-") as directory:
        requests = (
            request_line(number, model="paced", content=f"{number}: tell me about it", tokens=tokens)
            for number in range(lines)
        )
        batch_id = submit(client, write_lines(Path(directory) / "lines.jsonl", requests))
    list(watch(client, batch_id, every_s=SELDOM_S))


def spent(stack: Stack) -> Counter[str]:
    """Milliseconds of processor time so far, by role; clerks that have left count as the worker's."""
    found: Counter[str] = Counter()
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words, times = " ".join(process.cmdline()), process.cpu_times()
            role = next((role for word, role in ROLES.items() if word in words), "other")
            found[role] += round(1000 * (times.user + times.system))
            found["clerk"] += round(1000 * (times.children_user + times.children_system)) * (role == "worker")
    return found

"""Requests one after another, and what they took."""

from __future__ import annotations

import time
from collections.abc import Iterable

import httpx2

from bench.report import Result, percentile, spread


def measure(client: httpx2.Client, paths: Iterable[str]) -> list[float]:
    """Milliseconds from request to whole answer, one after another, after a few for warmth."""
    taken = []
    for number, path in enumerate(paths):
        if number == 0:
            for _ in range(5):
                client.get(path)
        started = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def result(name: str, samples: list[float], *, bound: float) -> Result:
    """With the 95th percentile, which has the bound."""
    figures = spread(samples) | {"p95": round(percentile(samples, 95), 2)}
    return Result(name=name, unit="ms", bounds={"p95": bound}, figures=figures, samples=samples)

"""What users do to an engine, and the figures that tell how it bears it.

Each workload starts its server itself and returns its figures; times are milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.engine.servers import Ask, OurServer, Server, StartServer, Trace
from bench.report import percentile

Figures = dict[str, float]
Workload = Callable[[StartServer, Path], Figures]

_FIRST_ID, _LAST_ID = 10, 250  # ordinary tokens in every size of model


def words(length: int, seed: object) -> list[int]:
    """A prompt of noise, the same for the same seed."""
    draw = random.Random(str(seed))
    return [draw.randint(_FIRST_ID, _LAST_ID) for _ in range(length)]


def decode(streams: int, depth: int = 16, tokens: int = 64) -> Workload:
    """Tokens a second while all streams are decoding."""

    def run(start: StartServer, model: Path) -> Figures:
        server = start(model, streams, depth + tokens + 64)
        traces = server.run([Ask(prompt=words(depth, number), tokens=tokens) for number in range(streams)])
        figures = {"tok/s": _steady_rate(traces)} | _overhead(server)
        server.close()
        return figures

    return run


def burst(*, shared: int, own: int, count: int = 8, tokens: int = 32) -> Workload:
    """Prompts that arrive at once, on a cold server and once more on the warm one."""

    def run(start: StartServer, model: Path) -> Figures:
        server = start(model, count, shared + own + tokens + 64)
        figures: Figures = {}
        for state in ("cold", "warm"):
            asks = [
                Ask(prompt=words(shared, "shared") + words(own, number), tokens=tokens)
                for number in range(count)
            ]
            traces = server.run(asks)
            figures[f"{state} ttft p50"] = 1000 * median(trace.ttft for trace in traces)
            figures[f"{state} tok/s"] = _rate(traces)
        server.close()
        return figures

    return run


def intrusion(*, prompt: int = 3000, streams: int = 3, after: float = 1.0) -> Workload:
    """Gaps between the tokens of running streams while a long prompt arrives."""

    def run(start: StartServer, model: Path) -> Figures:
        server = start(model, streams + 1, prompt + 1024)
        asks = [Ask(prompt=words(16, number), tokens=900) for number in range(streams)]
        *running, long = server.run([*asks, Ask(prompt=words(prompt, "long"), tokens=1, after=after)])
        gaps = [
            1000 * (later - earlier)
            for trace in running
            for earlier, later in pairwise(trace.times)
            if later >= long.asked_at and earlier <= long.times[0]
        ]
        server.close()
        return {"gap p99": percentile(gaps, 99), "gap max": max(gaps), "ttft": 1000 * long.ttft}

    return run


def sessions(*, count: int = 64, turns: int = 6, slots: int = 8, system: int = 100) -> Workload:
    """Conversations that take turns on a few slots; each turn sends the whole history."""

    def run(start: StartServer, model: Path) -> Figures:
        server = start(model, slots, system + turns * 80 + 64)
        histories = [words(system, "system") + words(30, number) for number in range(count)]
        ttft: list[float] = []
        computed = 0
        for turn in range(turns):
            traces = server.run(
                [
                    Ask(prompt=list(history), tokens=16, session=str(number))
                    for number, history in enumerate(histories)
                ]
            )
            for number, (history, trace) in enumerate(zip(histories, traces, strict=True)):
                computed += len(history) - trace.cached
                ttft.append(1000 * trace.ttft)
                history += trace.token_ids + words(30, (number, turn))
        server.close()
        # What nobody has computed before: the last token of a reply is not computed with it.
        distinct = system + count * (30 + (turns - 1) * 31)
        return {"prefilled / distinct": computed / distinct, "ttft p50": median(ttft)}

    return run


WORKLOADS: dict[str, Workload] = {
    "decode-1": decode(1),
    "decode-8": decode(8),
    "decode-16": decode(16),
    "decode-8-deep": decode(8, depth=1056),
    "decode-16-deep": decode(16, depth=1056),
    "shared-burst": burst(shared=1010, own=46),
    "unshared-burst": burst(shared=0, own=1000),
    "long-prompt": intrusion(),
    "sessions": sessions(),
}

SKETCHES: dict[str, Workload] = {
    "decode-4": decode(4, tokens=16),
    "shared-burst": burst(shared=200, own=20, count=4, tokens=4),
    "long-prompt": intrusion(prompt=600, after=0.02),
    "sessions": sessions(count=6, turns=3, slots=2, system=40),
}
"""The same in small: to see that they run, not to measure."""


def _rate(traces: list[Trace]) -> float:
    first = min(trace.asked_at for trace in traces)
    last = max(trace.times[-1] for trace in traces)
    return sum(len(trace.times) for trace in traces) / (last - first)


def _steady_rate(traces: list[Trace]) -> float:
    """The rate between the moment the last stream started and the moment the first one ended."""
    start = max(trace.times[0] for trace in traces)
    end = min(trace.times[-1] for trace in traces)
    return sum(start < at <= end for trace in traces for at in trace.times) / (end - start)


def _overhead(server: Server) -> Figures:
    if not isinstance(server, OurServer):
        return {}
    return {"% outside llama.cpp": 100 * (1 - server.native_s / server.engine_s)}

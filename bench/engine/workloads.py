"""What users do to an engine, and the figures that tell how it bears it. Times are milliseconds."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from bench.engine.servers import Ask, Server, Trace, run
from bench.report import percentile

Figures = dict[str, float]
Measure = Callable[[Server], Figures]

_FIRST_ID, _LAST_ID = 33, 126  # printable ASCII in every size of model


def words(length: int, seed: object) -> list[int]:
    """A prompt of noise, the same for the same seed."""
    draw = random.Random(str(seed))
    return [draw.randint(_FIRST_ID, _LAST_ID) for _ in range(length)]


def decode(streams: int, depth: int = 16, tokens: int = 64) -> Measure:
    """Tokens a second while all streams are decoding."""

    def measure(server: Server) -> Figures:
        asks = [Ask(prompt=words(depth, number), tokens=tokens) for number in range(streams)]
        return {"tok/s": _steady_rate(run(server, asks))}

    return measure


def fill(streams: int, depth: int) -> Callable[[Server], None]:
    """Let the server compute the prompts that `decode` asks for at this depth, so that it need not again."""

    def prepare(server: Server) -> None:
        run(server, [Ask(prompt=words(depth, number), tokens=1) for number in range(streams)])

    return prepare


def burst(*, shared: int, own: int, count: int = 8, tokens: int = 32) -> Measure:
    """Prompts that arrive at once on a cold server, and once more on the warm one."""
    prompts = [words(shared, "shared") + words(own, number) for number in range(count)]

    def measure(server: Server) -> Figures:
        figures: Figures = {}
        for state in ("cold", "warm"):
            traces = run(server, [Ask(prompt=prompt, tokens=tokens) for prompt in prompts])
            figures[f"{state} ttft p50"] = 1000 * median(trace.ttft for trace in traces)
            figures[f"{state} tok/s"] = _rate(traces)
        return figures

    return measure


def intrusion(*, prompt: int = 3000, streams: int = 3, after: float = 1.0) -> Measure:
    """Gaps between the tokens of running streams while a long prompt arrives."""

    def measure(server: Server) -> Figures:
        asks = [Ask(prompt=words(16, number), tokens=900) for number in range(streams)]
        *running, long = run(server, [*asks, Ask(prompt=words(prompt, "long"), tokens=1, after=after)])
        gaps = [
            1000 * (later - earlier)
            for trace in running
            for earlier, later in pairwise(trace.times)
            if later >= long.asked_at and earlier <= long.times[0]
        ]
        return {"gap p99": percentile(gaps, 99), "gap max": max(gaps), "ttft": 1000 * long.ttft}

    return measure


def sessions(
    *, count: int = 64, turns: int = 6, system: int = 100, said: int = 30, tokens: int = 8
) -> Measure:
    """Conversations that take turns on a few slots; each turn sends the whole history."""

    def measure(server: Server) -> Figures:
        histories = [words(system, "system") + words(said, number) for number in range(count)]
        ttft: list[float] = []
        computed = 0
        for turn in range(turns):
            asks = [
                Ask(prompt=list(history), tokens=tokens, session=str(number))
                for number, history in enumerate(histories)
            ]
            for number, trace in enumerate(run(server, asks)):
                history = histories[number]
                computed += len(history) - trace.cached
                ttft.append(1000 * trace.ttft)
                history += trace.token_ids + words(said, (number, turn))
        # What nobody has computed before: the last token of a reply is not computed with it.
        distinct = system + count * (said + (turns - 1) * (said + 1))
        return {"prefilled / distinct": computed / distinct, "ttft p50": median(ttft)}

    return measure


def single(prompt: list[int], tokens: int) -> Measure:
    """One reply: its rate, and a checksum of what was said."""

    def measure(server: Server) -> Figures:
        trace = run(server, [Ask(prompt=prompt, tokens=tokens)])[0]
        checksum = zlib.crc32(repr(trace.token_ids).encode())
        return {"tok/s": (len(trace.times) - 1) / (trace.times[-1] - trace.times[0]), "output": checksum}

    return measure


def history(depth: int, tokens: int = 16) -> Measure:
    """One conversation of that length: read for the first time, read again, and gone on with."""
    prompt = words(depth, "history")

    def measure(server: Server) -> Figures:
        cold, warm = (run(server, [Ask(prompt=prompt, tokens=tokens)])[0] for _ in range(2))
        return {"cold ttft": 1000 * cold.ttft, "warm ttft": 1000 * warm.ttft, "tok/s": _steady_rate([warm])}

    return measure


def _rate(traces: list[Trace]) -> float:
    first = min(trace.asked_at for trace in traces)
    last = max(trace.times[-1] for trace in traces)
    return sum(len(trace.times) for trace in traces) / (last - first)


def _steady_rate(traces: list[Trace]) -> float:
    """The rate between the moment the last stream started and the moment the first one ended; over all where
    these were too fast to be together.
    """
    start = max(trace.times[0] for trace in traces)
    end = min(trace.times[-1] for trace in traces)
    if end <= start:
        return _rate(traces)
    return sum(start < at <= end for trace in traces for at in trace.times) / (end - start)

"""Every workload of the benchmark: who is measured, how often, and what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.engine.inside import Taken, lookup, overhead
from bench.engine.llama_server import LlamaServer, without_flash_attention
from bench.engine.model import find_model
from bench.engine.parley import ParleyServer
from bench.engine.policy import NUMBERS, policies
from bench.engine.servers import Server, StartServer
from bench.engine.workloads import Measure, burst, decode, fill, history, intrusion, sessions

OURS = "parley"
DEFAULT, NO_FLASH = "llama-server", "llama-server -fa off"
SERVERS: dict[str, StartServer] = {
    OURS: ParleyServer,
    DEFAULT: LlamaServer,
    NO_FLASH: without_flash_attention,
}

TakeSamples = Callable[[int], Taken]
"""Yields who was measured and the figures, for so many repetitions."""

Reference = Literal["better", "default", "plain", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a figure has to be: so many times that of a reference, or so much where there is none."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    of: Reference = "better"
    ours: str = OURS


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is measured, how often by default, and what is wanted."""

    take: TakeSamples
    repeat: int
    targets: tuple[Target, ...] = ()


def side_by_side(
    measure: Measure,
    *,
    slots: int,
    n_ctx: int,
    size: str = "135m",
    prepare: Callable[[Server], None] | None = None,
    cold: bool = False,
    servers: dict[str, StartServer] = SERVERS,
) -> TakeSamples:
    """Measure servers in turn: the same ones again and again, or `cold` ones, started for each time."""
    model = find_model(size)

    def start(name: str, stack: ExitStack) -> Server:
        server = stack.enter_context(closing(servers[name](model, slots, n_ctx)))
        if prepare:
            prepare(server)
        return server

    def take(repeat: int) -> Taken:
        with ExitStack() as stack:
            warm = {} if cold else {name: start(name, stack) for name in servers}
            for _ in range(repeat):
                for name in servers:
                    with ExitStack() as once:
                        yield name, measure(warm.get(name) or start(name, once))

    return take


def plan(
    *, size: str = "135m", scale: int = 1, servers: dict[str, StartServer] = SERVERS
) -> dict[str, Workload]:
    """The issue's table. A larger `scale` divides lengths: a sketch, to see that everything runs."""
    compare = partial(side_by_side, size=size, servers=servers)
    deep, long = 1056 // scale, 3000 // scale
    shared, own = 1010 // scale, 46 // scale
    return (
        {
            f"decode-{streams}": Workload(
                take=compare(decode(streams), slots=streams, n_ctx=256),
                repeat=5,
                targets=(Target(figure="tok/s", at_least=0.97),),
            )
            for streams in (1, 8, 16)
        }
        | {
            f"deep-{streams}": Workload(
                take=compare(
                    decode(streams, depth=deep, tokens=48),
                    slots=streams,
                    n_ctx=deep + 256,
                    prepare=fill(streams, deep),
                ),
                repeat=repeat,
                targets=(
                    Target(figure="tok/s", at_least=0.97),
                    Target(figure="tok/s", at_least=1.8, of="default"),
                ),
            )
            for streams, repeat in ((8, 5), (16, 3))
        }
        | {
            "shared-burst": Workload(
                take=compare(burst(shared=shared, own=own), slots=8, n_ctx=shared + own + 128, cold=True),
                repeat=3,
                targets=(
                    Target(figure="cold ttft p50", at_most=0.3),
                    Target(figure="cold tok/s", at_least=3),
                    Target(figure="warm ttft p50", at_most=1.0),
                    Target(figure="warm ttft p50", at_most=0.35, of="default"),
                ),
            ),
            "unshared-burst": Workload(
                take=compare(
                    burst(shared=0, own=1000 // scale), slots=8, n_ctx=1000 // scale + 128, cold=True
                ),
                repeat=3,
                targets=(Target(figure="cold tok/s", at_least=0.97),),
            ),
            "long-prompt": Workload(
                take=compare(intrusion(prompt=long, after=1 / scale), slots=4, n_ctx=long + 1024, cold=True),
                repeat=3,
                targets=(
                    Target(figure="gap p99", at_most=250, of="nothing"),
                    Target(figure="gap max", at_most=400, of="nothing"),
                    Target(figure="ttft", at_most=1.6),
                ),
            ),
            "sessions": Workload(
                take=compare(
                    sessions(count=64 // scale, turns=6 if scale == 1 else 3), slots=8, n_ctx=512, cold=True
                ),
                repeat=1,
                targets=(
                    Target(figure="prefilled / distinct", at_most=1.1, of="nothing"),
                    Target(figure="ttft p50", at_most=1.0),
                ),
            ),
            "lookup": Workload(
                take=lookup,
                repeat=5,
                targets=(
                    Target(figure="tok/s", at_least=1.5, of="plain"),
                    Target(figure="output", at_least=1.0, at_most=1.0, of="plain"),
                ),
            ),
            "overhead": Workload(
                take=partial(overhead, size=size),
                repeat=5,
                targets=tuple(
                    Target(figure="% outside llama.cpp", at_most=2, of="nothing", ours=ours)
                    for ours in ("greedy", "sampled", "sampled, listened to")
                ),
            ),
            "policy": Workload(
                take=partial(policies, numbers=NUMBERS[: max(3, len(NUMBERS) // scale)]),
                repeat=5,
                targets=tuple(
                    Target(figure="ms at 1000", at_most=1, of="nothing", ours=kind)
                    for kind in ("last_turns", "sliding_window", "compress")
                ),
            ),
        }
        | _growth(compare, scale)
    )


def _growth(compare: Callable[..., TakeSamples], scale: int) -> dict[str, Workload]:
    """How costs grow: plotted, without targets. `AXIS at NUMBER` names a figure."""

    def grow(points: dict[int, TakeSamples]) -> Workload:
        def take(repeat: int) -> Taken:
            for point, take_samples in points.items():
                for name, figures in take_samples(repeat):
                    yield name, {f"{figure} at {point}": value for figure, value in figures.items()}

        return Workload(take=take, repeat=1)

    streams = [1, 2, 4, 8, 16, 32, 64]
    depths = [256, 512, 1024, 2048, 4096, 8192]
    targets = [50, 100, 200, 400, 800]
    long = 3000 // scale
    return {
        "growth-streams": grow(
            {n: compare(decode(n, tokens=32), slots=n, n_ctx=256) for n in streams[: max(2, 7 // scale)]}
        ),
        "growth-history": grow(
            {n: compare(history(n), slots=1, n_ctx=n + 64, cold=True) for n in depths[: max(2, 6 // scale)]}
        ),
        "growth-step-target": grow(
            {
                ms: compare(
                    intrusion(prompt=long, after=1 / scale),
                    slots=4,
                    n_ctx=long + 1024,
                    cold=True,
                    servers={OURS: partial(ParleyServer, step_ms=ms)},
                )
                for ms in targets[: max(2, 5 // scale)]
            }
        ),
    }

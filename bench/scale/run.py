"""The loads: ever more workers at the same pace, and as many short turns as there can be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import psutil

from bench.report import Result
from bench.scale.meter import Spent, between, read
from tests.support.chat_client import ChatSocket, open_socket
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.services import start_postgres_server

RATE = 10.0
SETTLE_S = 4.0
WINDOW_S = 15.0
SHORT_TURNS = 24
LIMITS = {"MAX_QUEUED_PER_USER": "100000", "MAX_SOCKETS_PER_USER": "100000", "CONTEXT_SIZE": "1000000"}


@contextmanager
def start(*workers: str, rate: float, slots: int) -> Iterator[tuple[Cluster, psutil.Process]]:
    """A deployment on a PostgreSQL of its own, whose process comes with it."""
    with (
        start_postgres_server() as server,
        start_cluster(*workers, rate=rate, slots=slots, DATABASE_URL=server.url, **LIMITS) as cluster,
    ):
        yield cluster, psutil.Process(server.pid)


@asynccontextmanager
async def open_sockets(cluster: Cluster, count: int) -> AsyncIterator[list[ChatSocket]]:
    """So many sessions with one reader each."""
    async with AsyncExitStack() as resources:
        yield [
            await resources.enter_async_context(open_socket(cluster.stack, session, cluster.key))
            for session in cluster.sessions(count, spare=0)
        ]


async def measure_streams(cluster: Cluster, database: psutil.Process, streams: int) -> Spent:
    """All workers busy with long replies, each read by somebody."""
    tokens = round(RATE * (2 * SETTLE_S + WINDOW_S))
    async with open_sockets(cluster, streams * len(cluster.workers)) as sockets:
        reading = [asyncio.create_task(_take_turn(socket, tokens)) for socket in sockets]
        await asyncio.sleep(SETTLE_S)
        before = read(cluster, database)
        await asyncio.sleep(WINDOW_S)
        after = read(cluster, database)
        await asyncio.gather(*reading)
    return between(before, after)


def growing_pool(counts: Sequence[int], streams: int) -> Iterator[tuple[int, Spent]]:
    """What it costs with so many workers, one after the other."""
    with start(rate=RATE, slots=streams) as (cluster, database):
        for count in counts:
            for number in range(len(cluster.workers), count):
                cluster.launch(f"w{number}")
            cluster.wait_ready(within=180)
            yield count, asyncio.run(measure_streams(cluster, database, streams))


async def _take_turn(socket: ChatSocket, tokens: int) -> None:
    await socket.ask("Tell me.", max_tokens=tokens)
    await socket.finish()
    socket.seen.clear()


async def _keep_asking(socket: ChatSocket) -> None:
    while True:
        await _take_turn(socket, 1)


async def measure_turns(cluster: Cluster, database: psutil.Process) -> Spent:
    """Turns of one token, as many as come."""
    async with open_sockets(cluster, SHORT_TURNS) as sockets:
        asking = [asyncio.create_task(_keep_asking(socket)) for socket in sockets]
        await asyncio.sleep(SETTLE_S)
        before = read(cluster, database)
        await asyncio.sleep(WINDOW_S)
        after = read(cluster, database)
        for task in asking:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return between(before, after)


def idle() -> Spent:
    """What a web process and a worker spend on nothing."""
    with start("a", rate=RATE, slots=4) as (cluster, database):
        time.sleep(SETTLE_S)
        before = read(cluster, database)
        time.sleep(WINDOW_S)
        return between(before, read(cluster, database))


def saturation() -> tuple[Spent, int]:
    """The most turns that one web process and two workers take, and how many workers that were."""
    with start("a", "b", rate=10_000, slots=16) as (cluster, database):
        return asyncio.run(measure_turns(cluster, database)), len(cluster.workers)


def describe_pool(points: Sequence[tuple[int, Spent]], streams: int) -> list[Result]:
    """One row a size of the pool; constant is within 10 % of the mean."""
    costs = [spent.cpu_per_1000 for _, spent in points]
    mean = sum(costs) / len(costs)
    off = max(abs(cost - mean) / mean for cost in costs) * 100
    rows = [
        Result(
            name=f"{count} workers, {count * streams} streams: CPU for 1,000 tokens",
            unit="s",
            bounds={},
            figures={
                "all": round(spent.cpu_per_1000, 3),
                **{part: round(1000 * s / spent.tokens, 3) for part, s in spent.cpu_s.items()},
            },
        )
        for count, spent in points
    ]
    rows += [
        Result(
            name=f"{count} workers: tokens/s, commits/s, % of a core",
            unit="",
            bounds={},
            figures={
                "tokens/s": round(spent.tokens / spent.seconds, 1),
                "commits/s": round(spent.commits / spent.seconds, 1),
                **{part: round(spent.share(part), 1) for part in spent.cpu_s},
            },
        )
        for count, spent in points
    ]
    return [
        *rows,
        Result(name="off the mean", unit="%", bounds={"most": 10}, figures={"most": round(off, 1)}),
    ]


def describe_idle(spent: Spent) -> list[Result]:
    """Of one core each."""
    shares = {part: round(spent.share(part), 2) for part in spent.cpu_s}
    return [Result(name="idle, of one core", unit="%", bounds={"web": 2, "workers": 2}, figures=shares)]


def describe_saturation(spent: Spent, workers: int) -> list[Result]:
    """Turns and commits a second, and how busy each part was."""
    figures = {
        "turns/s": round(spent.turns / spent.seconds, 1),
        "commits/s": round(spent.commits / spent.seconds, 1),
        "commits/turn": round(spent.commits / max(1, spent.turns), 1),
    }
    shares = {part: round(spent.share(part), 1) for part in spent.cpu_s}
    return [
        Result(name=f"one-token turns, {workers} workers", unit="", bounds={}, figures=figures),
        Result(name="of one core each", unit="%", bounds={}, figures=shares),
    ]

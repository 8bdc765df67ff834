"""The loads: ever more workers at the same pace, and as many short turns as there can be."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import psutil

from bench.scale.meter import Spent, between, read
from chatproject.local.processes import end_with_parent
from tests.support.chat_client import ChatSocket, open_socket
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.services import start_postgres_server

RATE = 10.0
SETTLE_S = 4.0
WINDOW_S = 12.0
SHORT_TURNS = 24
SPIN = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"
LIMITS = {"MAX_QUEUED_PER_USER": "100000", "MAX_SOCKETS_PER_USER": "100000", "CONTEXT_SIZE": "1000000"}


@contextmanager
def start(*workers: str, rate: float, slots: int) -> Iterator[tuple[Cluster, psutil.Process]]:
    """A deployment on a PostgreSQL of its own, whose process comes with it."""
    with (
        start_postgres_server() as server,
        start_cluster(*workers, rate=rate, slots=slots, DATABASE_URL=server.url, **LIMITS) as cluster,
    ):
        yield cluster, psutil.Process(server.pid)


@contextmanager
def awake_cores() -> Iterator[None]:
    """Cores that never sleep: waking one of a virtual machine costs more than a tick, and only where it is
    idle. The spinners run when nobody else wants to.
    """
    spinners = [
        subprocess.Popen([sys.executable, "-c", SPIN], preexec_fn=end_with_parent)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


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
    with awake_cores(), start(rate=RATE, slots=streams) as (cluster, database):
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

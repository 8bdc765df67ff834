"""A worker that nobody can reach any more, and workers whose clocks are wrong."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg.conninfo
import pytest

from tests.acceptance.faults.conftest import ask_all, prove
from tests.support.faults.cluster import Cluster, Worker
from tests.support.faults.proxy import Proxy, start_proxy
from tests.support.faults.reader import open_readers
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

TAKEOVER_S = 12.0
HOUR_S = 3600


def connect_redis(cluster: Cluster) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(cluster.redis_url.removeprefix("unix://"))
    return connection


@pytest.fixture
def far(postgres_stack: Cluster) -> Iterator[tuple[Worker, list[Proxy]]]:
    """A worker that reaches Redis and the database by a network that can be cut; another one is near."""
    cluster = postgres_stack
    cluster.stop_workers()
    url = cluster.database.url
    server = psycopg.conninfo.conninfo_to_dict(url)
    address = (str(server["host"]), int(server["port"] or 5432))
    with ExitStack() as resources:
        database = resources.enter_context(start_proxy(lambda: socket.create_connection(address)))
        broker = resources.enter_context(start_proxy(lambda: connect_redis(cluster)))
        worker = cluster.launch(
            "far",
            DATABASE_URL=url.replace(f":{address[1]}/", f":{database.port}/"),
            REDIS_URL=f"redis://127.0.0.1:{broker.port}/0",
        )
        cluster.wait_ready()
        yield worker, [database, broker]
        for proxy in (database, broker):
            proxy.mend()
        cluster.stop_workers()


async def test_a_worker_cut_off_the_network_is_replaced_and_comes_back(
    postgres_stack: Cluster, far: tuple[Worker, list[Proxy]]
) -> None:
    cluster, (worker, network) = postgres_stack, far
    sessions = cluster.sessions(4, spare=0)
    async with open_readers(cluster.stack, sessions, cluster.key, seed=5) as opened:
        *first, last = opened
        turns = await ask_all(first, max_tokens=500)
        cluster.heal("near")
        for proxy in network:
            proxy.cut()
        for reader, turn in zip(first, turns, strict=True):
            await reader.until(lambda turn=turn: turn.workers[-1] == "near", within=TAKEOVER_S)  # type: ignore[misc]
        for proxy in network:
            proxy.mend()
        await asyncio.to_thread(
            wait_until, lambda: "lost its lease" in worker.log.read_text(), what="the fence"
        )
        cluster.stop_workers("near")
        await ask_all([last], max_tokens=20, chunks=1)
        assert last.turns[0].workers == ["far"]
        await prove(cluster, opened)


async def test_workers_whose_clocks_are_an_hour_wrong_hand_over_to_each_other(
    postgres_stack: Cluster,
) -> None:
    cluster = postgres_stack
    cluster.stop_workers()
    for name, seconds in (("early", -HOUR_S), ("late", HOUR_S)):
        cluster.launch(name, program=[sys.executable, "-m", "tests.support.faults.skewed", str(seconds)])
    cluster.wait_ready()
    sessions = cluster.sessions(4, spare=0)
    async with open_readers(cluster.stack, sessions, cluster.key, seed=6) as opened:
        turns = await ask_all(opened, max_tokens=1000)
        lost, heir = (cluster.workers[name] for name in ("early", "late"))
        lost.signal(signal.SIGKILL)
        for reader, turn in zip(opened, turns, strict=True):
            await reader.until(lambda turn=turn: turn.workers[-1] == heir.name, within=TAKEOVER_S)  # type: ignore[misc]
        cluster.heal("early")
        heir.signal(signal.SIGTERM)
        await prove(cluster, opened)
    cluster.stop_workers()

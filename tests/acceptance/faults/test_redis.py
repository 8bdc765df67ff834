"""Redis dies, forgets, freezes: replies that run go on, and new ones start within seconds."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis

from chatproject.local.redis import why_unreachable
from tests.acceptance.faults.conftest import Readers, ask_all
from tests.support.faults.cluster import Cluster
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

FREEZE_S = 7.0
FIRST_TEXT_S = 8.0


@asynccontextmanager
async def killed(cluster: Cluster) -> AsyncIterator[None]:
    cluster.redis().kill()
    yield
    await asyncio.to_thread(wait_until, lambda: not why_unreachable(cluster.redis_url), what="Redis back")


@asynccontextmanager
async def flushed(cluster: Cluster) -> AsyncIterator[None]:
    with redis.Redis.from_url(cluster.redis_url) as client:
        client.flushall()
    yield
    with redis.Redis.from_url(cluster.redis_url) as client:
        client.flushall()


@asynccontextmanager
async def frozen(cluster: Cluster) -> AsyncIterator[None]:
    process = cluster.redis()
    process.send_signal(signal.SIGSTOP)
    thaw = asyncio.get_running_loop().call_later(FREEZE_S, process.send_signal, signal.SIGCONT)
    try:
        yield
    finally:
        thaw.cancel()
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("outage", [killed, flushed, frozen])
async def test_running_replies_go_on_and_new_ones_start(
    cluster: Cluster, readers: Readers, outage: object
) -> None:
    async with readers(6) as opened:
        running, late = opened[:4], opened[4:]
        turns = await ask_all(running, max_tokens=500)
        async with outage(cluster):  # type: ignore[operator]
            during = await ask_all(late, max_tokens=50, chunks=1, within=FREEZE_S + FIRST_TEXT_S)
            for reader, turn in zip(running, turns, strict=True):
                await reader.until_chunks(turn, len(turn.deltas) + 3)
        for reader, turn in zip(late, during, strict=True):
            await reader.until_end(turn)
        after = await ask_all(late, max_tokens=50, chunks=1, within=FIRST_TEXT_S)
        assert len(after) == len(late)


async def test_a_dropped_message_delays_by_a_second_or_two(cluster: Cluster, readers: Readers) -> None:
    """Nobody consumes hints for a moment: what was sent is flushed away, and the row is found anyway."""
    async with readers(3) as opened:
        with redis.Redis.from_url(cluster.redis_url) as client:
            client.config_set("maxmemory", "1")  # with `noeviction` every push is refused
            try:
                await ask_all(opened, max_tokens=30, chunks=1, within=FIRST_TEXT_S)
            finally:
                client.config_set("maxmemory", "0")


async def test_a_message_delivered_many_times_changes_nothing(cluster: Cluster, readers: Readers) -> None:
    async with readers(3) as opened:
        turns = await ask_all(opened, max_tokens=200)
        ids = [turn.generation_id for turn in turns]
        script = "from uuid import UUID\nfrom chat.queue import enqueue_generation, flush_queue\n"
        script += "from chat.selectors.routing import Route\n"
        script += f"for id_ in {ids!r} * 20: enqueue_generation(UUID(id_), 'paced', Route(device='cpu'))\n"
        script += "assert flush_queue(10)"
        await asyncio.to_thread(cluster.stack.manage, "shell", "-v", "0", "-c", script)
        for reader, turn in zip(opened, turns, strict=True):
            await reader.until_end(turn)
        stored = cluster.database.replies([reader.session_id for reader in opened])
        assert [stored[id_].attempt for id_ in ids] == [1, 1, 1]

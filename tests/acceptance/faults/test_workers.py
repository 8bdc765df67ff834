"""Workers and their engines die, freeze and come back while people read."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.acceptance.faults.conftest import Readers, ask_all
from tests.support.faults.cluster import Cluster, Worker
from tests.support.faults.history import Turn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

LEASE_S = 4.0


def victims(turns: list[Turn], worker: Worker) -> list[Turn]:
    """The turns a worker runs."""
    found = [turn for turn in turns if turn.workers[-1] == worker.name]
    assert found
    return found


async def test_a_killed_workers_replies_continue_elsewhere(cluster: Cluster, readers: Readers) -> None:
    async with readers(6) as opened:
        turns = await ask_all(opened)
        worker = cluster.workers[turns[0].workers[-1]]
        hit = victims(turns, worker)
        worker.signal(signal.SIGKILL)
        for reader, turn in zip(opened, turns, strict=True):
            if turn in hit:
                await reader.until(lambda turn=turn: turn.workers[-1] != worker.name, what="a takeover")  # type: ignore[misc]


async def test_a_stopped_worker_hands_over_at_the_next_token(cluster: Cluster, readers: Readers) -> None:
    async with readers(6) as opened:
        turns = await ask_all(opened)
        worker = cluster.workers[turns[0].workers[-1]]
        hit = victims(turns, worker)
        worker.signal(signal.SIGTERM)
        for reader, turn in zip(opened, turns, strict=True):
            if turn in hit:
                await reader.until(
                    lambda turn=turn: turn.workers[-1] != worker.name,  # type: ignore[misc]
                    within=LEASE_S,  # sooner than by an expired lease
                    what="a handover",
                )
        assert await asyncio.to_thread(worker.process.wait, 30) == 0


async def test_a_zombie_cannot_write(cluster: Cluster, readers: Readers) -> None:
    async with readers(4) as opened:
        turns = await ask_all(opened, max_tokens=400)
        worker = cluster.workers[turns[0].workers[-1]]
        hit = victims(turns, worker)
        worker.signal(signal.SIGSTOP)
        try:
            for reader, turn in zip(opened, turns, strict=True):
                if turn in hit:
                    await reader.until(lambda turn=turn: turn.workers[-1] != worker.name, what="a takeover")  # type: ignore[misc]
                    await reader.until_chunks(turn, len(turn.deltas) + 3)
        finally:
            worker.signal(signal.SIGCONT)
        await asyncio.to_thread(
            wait_until, lambda: "lost its lease" in worker.log.read_text(), what="the fence"
        )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_an_engine_crash_costs_a_resume(
    cluster: Cluster, readers: Readers, number: signal.Signals
) -> None:
    async with readers(4) as opened:
        turns = await ask_all(opened, max_tokens=200)
        worker = cluster.workers[turns[0].workers[-1]]
        hit = victims(turns, worker)
        engine = worker.engine()
        engine.send_signal(number)
        for reader, turn in zip(opened, turns, strict=True):
            if turn in hit:
                await reader.until_chunks(turn, len(turn.deltas) + 5)
        assert worker.is_running
        await asyncio.to_thread(wait_until, lambda: worker.engine().pid != engine.pid, what="another engine")


async def test_a_poison_request_fails_alone(cluster: Cluster, readers: Readers) -> None:
    async with readers(4) as opened:
        *healthy, poisoner = opened
        turns = await ask_all(healthy, max_tokens=400)
        poison = await poisoner.ask("[[crash after 3]]", max_tokens=50, expects="failed")
        await poisoner.until_end(poison)
        assert poison.end is not None
        assert poison.end["error"]["code"] == "poison_request"
        assert not poison.end["error"]["retryable"]
        assert all(turn.end is None for turn in turns), "the others were to be running beside it"

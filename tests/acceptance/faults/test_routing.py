"""A session's next turn goes to the worker that holds its prefix, and does not wait for one that is gone."""

from __future__ import annotations

import signal

import pytest

from tests.acceptance.faults.conftest import Readers
from tests.support.faults.cluster import Cluster
from tests.support.faults.history import Turn
from tests.support.faults.reader import Reader

pytestmark = pytest.mark.stack

FIRST_TEXT_S = 6.0
"""Less than a lease and a heartbeat: nobody waits for a worker that is gone."""


def cached_tokens(turn: Turn) -> int:
    started = [timed.frame for timed in turn.heard if timed.frame["type"] == "generation_started"]
    tokens: int = started[-1]["cached_tokens"]
    return tokens


async def answer(reader: Reader) -> Turn:
    turn = await reader.ask("Tell me.", max_tokens=10)
    await reader.until_chunks(turn, 1, within=FIRST_TEXT_S)
    return turn


async def test_the_second_turn_lands_where_the_prefix_is(cluster: Cluster, readers: Readers) -> None:
    async with readers(6) as opened:
        firsts = [await answer(reader) for reader in opened]
        for reader, turn in zip(opened, firsts, strict=True):
            await reader.until_end(turn)
        assert {turn.workers[-1] for turn in firsts} == set(cluster.workers), "both were to have some"
        for reader, first in zip(opened, firsts, strict=True):
            second = await answer(reader)
            assert second.workers == first.workers
            assert cached_tokens(second) > 0
            await reader.until_end(second)

        reader, gone = opened[0], cluster.workers[firsts[0].workers[-1]]
        gone.signal(signal.SIGKILL)
        third = await answer(reader)
        assert third.workers[-1] != gone.name

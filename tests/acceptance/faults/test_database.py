"""The database goes away for everybody: workers go on, commit afterwards, and nobody takes anybody's work."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.acceptance.faults.conftest import WORKERS, ask_all, prove
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.faults.history import Turn
from tests.support.faults.reader import open_readers
from tests.support.services import PostgresServer

pytestmark = pytest.mark.stack

OUTAGE_S = 10.0
BUFFERED = 200
NEW_TEXT_S = 8.0


@pytest.fixture
def sqlite_stack() -> Iterator[Cluster]:
    """Two workers on SQLite."""
    with start_cluster(*WORKERS) as cluster:
        yield cluster


def require_first_attempts(cluster: Cluster, turns: list[Turn]) -> None:
    """Nobody reaped what its owner could not extend."""
    stored = cluster.database.replies({turn.session_id for turn in turns})
    assert {turn.generation_id: stored[turn.generation_id].attempt for turn in turns} == {
        turn.generation_id: 1 for turn in turns
    }


def largest_chunk(cluster: Cluster, turns: list[Turn]) -> int:
    stored = cluster.database.replies({turn.session_id for turn in turns})
    return max(chunk.tokens for reply in stored.values() for chunk in reply.chunks)


async def test_postgresql_restarts_and_then_is_away(
    postgres_stack: Cluster, postgres_server: PostgresServer
) -> None:
    cluster = postgres_stack
    cluster.heal(*WORKERS)
    sessions = cluster.sessions(4, spare=0)
    async with open_readers(cluster.stack, sessions, cluster.key, seed=3) as opened:
        turns = await ask_all(opened, max_tokens=900)
        for seconds in (0.0, OUTAGE_S):
            postgres_server.stop()
            await asyncio.sleep(seconds)  # the length of the outage is the fault
            postgres_server.start()  # not in a thread: the server would end with it
            for reader, turn in zip(opened, turns, strict=True):
                await reader.until_chunks(turn, len(turn.deltas) + 3, within=NEW_TEXT_S)
        await prove(cluster, opened)
    require_first_attempts(cluster, turns)
    assert largest_chunk(cluster, turns) >= BUFFERED


async def test_sqlite_is_locked_by_somebody_else(sqlite_stack: Cluster) -> None:
    cluster = sqlite_stack
    sessions = cluster.sessions(4, spare=0)
    async with open_readers(cluster.stack, sessions, cluster.key, seed=3) as opened:
        turns = await ask_all(opened, max_tokens=600)
        with closing(sqlite3.connect(cluster.database.sqlite_path, timeout=30)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(OUTAGE_S)  # the length of the outage is the fault
            intruder.rollback()
        await prove(cluster, opened)
    require_first_attempts(cluster, turns)
    assert largest_chunk(cluster, turns) >= BUFFERED

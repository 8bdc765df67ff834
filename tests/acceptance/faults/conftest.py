"""One deployment for all scripted faults, healed before each; and the proof after each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.faults.history import Turn, find_violations
from tests.support.faults.reader import Reader, open_readers
from tests.support.services import PostgresServer, start_postgres_server

WORKERS = ("ann", "bob")
SEED = 20
Readers = Callable[..., AbstractAsyncContextManager[list[Reader]]]


@pytest.fixture(scope="session")
def cluster_stack() -> Iterator[Cluster]:
    """Two workers of 16 slots, 50 tokens per second and stream, on the configured database."""
    with start_cluster(*WORKERS, DATABASE_URL=os.environ.get("DATABASE_URL", "")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that a test may stop."""
    with start_postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_stack(postgres_server: PostgresServer) -> Iterator[Cluster]:
    """A deployment on it; the tests start its workers."""
    with start_cluster(DATABASE_URL=postgres_server.url) as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_stack: Cluster) -> Cluster:
    """The shared deployment with both workers alive."""
    cluster_stack.heal(*WORKERS)
    return cluster_stack


@pytest.fixture
def readers(cluster: Cluster) -> Readers:
    """`async with readers(n) as [...]`: n connected readers; on leaving, every turn must be proven."""

    @asynccontextmanager
    async def open_and_prove(count: int) -> AsyncIterator[list[Reader]]:
        sessions = cluster.sessions(count)
        async with open_readers(cluster.stack, sessions, cluster.key, seed=SEED) as opened:
            yield opened
            await prove(cluster, opened)

    return open_and_prove


async def prove(cluster: Cluster, opened: list[Reader]) -> None:
    """Wait for every end; then history, database and oracle must agree."""
    for reader in opened:
        for turn in reader.turns:
            await reader.until_end(turn)
    turns = [turn for reader in opened for turn in reader.turns]
    assert find_violations(turns, cluster.database.replies(turn.session_id for turn in turns)) == []


async def ask_all(
    opened: list[Reader], *, max_tokens: int = 300, chunks: int = 5, within: float = 30
) -> list[Turn]:
    """One question each, all of them being answered."""
    turns = [await reader.ask("Tell me.", max_tokens=max_tokens) for reader in opened]
    for reader, turn in zip(opened, turns, strict=True):
        await reader.until_chunks(turn, chunks, within=within)
    return turns

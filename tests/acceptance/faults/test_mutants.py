"""A schedule of faults that the product survives and that every mutant of it must fail."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import psycopg
import pytest
import redis

from tests.acceptance.faults.conftest import ask_all
from tests.support.faults.cluster import Cluster, Worker
from tests.support.faults.history import Turn, find_violations
from tests.support.faults.mutants import MUTANTS
from tests.support.faults.reader import Reader, open_readers

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

READERS = 3
LONG = 800
TAKEOVER_S = 10.0
LOCKED_S = 1.5
END_S = 60.0
GRACE_S = 5.0
SOUND = "unchanged"


@dataclass
class Group:
    """Two workers of one kind, serving a model of their own, and its readers."""

    name: str
    workers: list[Worker]
    opened: list[Reader]

    @property
    def long_turns(self) -> list[Turn]:
        return [reader.turns[0] for reader in self.opened[:READERS]]

    def runner(self, turn: Turn) -> Worker:
        """Who runs a turn; a mutant may not even have begun."""
        running = [worker for worker in self.workers if worker.name in turn.workers[-1:]]
        return (running or self.workers)[0]


@pytest.fixture(scope="module")
def verdicts(postgres_stack: Cluster) -> dict[str, list[str]]:
    """What the checker says about each kind of worker; all of them live through the same minute."""
    cluster = postgres_stack
    cluster.stop_workers()
    for name in MUTANTS:
        program = [sys.executable, "-m", "tests.support.faults.mutants", name]
        for number in (1, 2):
            cluster.launch(f"{name}-{number}", program=program, model=name)
    names = [f"{name}-{number}" for name in MUTANTS for number in (1, 2)]
    cluster.wait_ready(*names, within=120)
    try:
        return asyncio.run(judge_all(cluster))
    finally:
        cluster.stop_workers(*names)


async def judge_all(cluster: Cluster) -> dict[str, list[str]]:
    async with AsyncExitStack() as resources:
        groups = []
        for name in MUTANTS:
            sessions = cluster.sessions(READERS + 1, model=name, spare=0)
            opened = await resources.enter_async_context(
                open_readers(cluster.stack, sessions, cluster.key, seed=7)
            )
            groups.append(Group(name, [cluster.workers[f"{name}-{i}"] for i in (1, 2)], opened))
        await run_schedule(cluster, groups)
        return {group.name: judge(cluster, group) for group in groups}


def judge(cluster: Cluster, group: Group) -> list[str]:
    turns = [turn for reader in group.opened for turn in reader.turns]
    return find_violations(turns, cluster.database.replies(turn.session_id for turn in turns))


async def run_schedule(cluster: Cluster, groups: Sequence[Group]) -> None:
    asking = (ask_all(group.opened[:READERS], max_tokens=LONG, within=TAKEOVER_S) for group in groups)
    asked = await asyncio.gather(*asking, return_exceptions=True)
    for group, outcome in zip(groups, asked, strict=True):
        assert group.name != SOUND or not isinstance(outcome, BaseException), outcome
    await asyncio.gather(*map(freeze_and_thaw, groups))
    await kill_while_locked(cluster, groups)
    await ask_without_hints(cluster, groups)
    sound = next(group for group in groups if group.name == SOUND)
    await asyncio.gather(*(reader.until_end(reader.turns[-1], within=END_S) for reader in sound.opened))
    others = [reader for group in groups for reader in group.opened]
    ends = (reader.until_end(reader.turns[-1], within=GRACE_S) for reader in others)
    await asyncio.gather(*ends, return_exceptions=True)


async def freeze_and_thaw(group: Group) -> None:
    """One worker sleeps past its leases; the other takes over, where it does, and the first one wakes up."""
    turn = group.long_turns[0]
    frozen = group.runner(turn)
    frozen.signal(signal.SIGSTOP)
    try:
        await group.opened[0].until(lambda: turn.workers[-1:] != [frozen.name], within=TAKEOVER_S)
        await group.opened[0].until_chunks(turn, len(turn.deltas) + 3)
    except AssertionError:
        assert group.name != SOUND, "nobody took over"
    finally:
        frozen.signal(signal.SIGCONT)
    await asyncio.sleep(0.5)  # what the zombie does in this time is the fault


async def kill_while_locked(cluster: Cluster, groups: Sequence[Group]) -> None:
    """Somebody else holds the database for a moment, in which each group loses the worker that is busy."""
    with psycopg.connect(cluster.database.url) as intruder:
        intruder.execute("LOCK TABLE chat_generation IN EXCLUSIVE MODE")
        await asyncio.sleep(LOCKED_S)  # the length of the outage is the fault
        for group in groups:
            group.runner(group.long_turns[0]).signal(signal.SIGKILL)
        intruder.rollback()


async def ask_without_hints(cluster: Cluster, groups: Sequence[Group]) -> None:
    """A last short question each, while Redis refuses to take messages."""
    with redis.Redis.from_url(cluster.redis_url) as client:
        client.config_set("maxmemory", "1")
        for group in groups:
            await group.opened[-1].ask("Briefly.", max_tokens=10)
        await asyncio.sleep(1)  # a hint is tried at once, and given up
        client.config_set("maxmemory", "0")


@pytest.mark.parametrize("name", [name for name in MUTANTS if name != SOUND])
def test_a_mutant_is_caught(verdicts: dict[str, list[str]], name: str) -> None:
    assert verdicts[name]


def test_the_product_is_not(verdicts: dict[str, list[str]]) -> None:
    assert verdicts[SOUND] == []


def test_each_is_caught_for_what_it_does(verdicts: dict[str, list[str]]) -> None:
    assert any("never ended" in problem for problem in verdicts["direct_claiming_off"])
    assert any("was read as" in problem for problem in verdicts["publish_before_commit"])
    assert any("its chunks say" in problem for problem in verdicts["last_chunk_outside"])
    assert any("is failed" in problem for problem in verdicts["attempt_check_removed"])

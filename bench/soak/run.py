"""The soak itself: readers that ask and read, a breaker, and a checker that looks at every reply."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import uvloop

from bench.report import Result
from bench.soak import figures
from bench.soak.faults import Breaker
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.faults.history import Turn, find_violations
from tests.support.faults.reader import Reader, open_readers
from tests.support.services import start_postgres_server

WORKERS = ("ann", "bob", "cid")
END_S = 120.0
JUDGED_AT_ONCE = 20
CANCEL_SHARE = 0.05
CALM_S = 8.0
"""At least so long without a fault, so that each is measured alone."""
HOLDS_BACK = ("PostgreSQL", "web", "Redis", "worker frozen")
"""What keeps a cancel from its worker, or a worker from reading it, while the reply goes on."""
HELD_BACK_S = 5.0
"""After an outage: until then what it held back may still come."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much, how long, how often; `seed` decides about everything random."""

    sockets: int
    generations: int
    seconds: float
    every: float
    seed: int
    rate: float
    sqlite: bool
    only: Sequence[str] = ()


@dataclass
class Soak:
    """One run over a started cluster."""

    plan: Plan
    cluster: Cluster
    breaker: Breaker
    rng: random.Random
    problems: list[str] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=figures.collect)
    turns: int = 0
    characters: int = 0
    tokens: int = 0
    _over: bool = False
    _unjudged: list[Turn] = field(default_factory=list)

    async def run(self) -> list[Result]:
        """Everything, to the last reply."""
        plan = self.plan
        sessions = self.cluster.sessions(plan.sockets, spare=0)
        async with open_readers(self.cluster.stack, sessions, self.cluster.key, seed=plan.seed) as readers:
            idle = list(readers)
            askers = [asyncio.create_task(self._ask(idle)) for _ in range(plan.generations)]
            before = self.cluster.web().memory_info().rss
            await self._break()
            self._over = True
            await asyncio.gather(*askers)
            await self._judge()
            after = self.cluster.web().memory_info().rss
            return self._results(readers, before, after)

    async def _break(self) -> None:
        end = time.monotonic() + self.plan.seconds
        await asyncio.sleep(min(self.plan.every, 10))
        while time.monotonic() < end:
            next_at = time.monotonic() + self.plan.every
            fault = await self.breaker.strike()
            sys.stderr.write(f"{fault.kind} {fault.worker}: {self.turns} turns, {self.problems}\n")
            await self.breaker.mend()
            await asyncio.sleep(max(CALM_S, next_at - time.monotonic()))

    async def _ask(self, idle: list[Reader]) -> None:
        """Turn after turn, each by a reader chosen anew."""
        while not self._over:
            reader = idle.pop(self.rng.randrange(len(idle)))
            try:
                await self._take_turn(reader)
            finally:
                idle.append(reader)

    async def _take_turn(self, reader: Reader) -> None:
        cancels = self.rng.random() < CANCEL_SHARE
        limit = self.rng.randrange(5, 30) * round(self.plan.rate)
        turn = await reader.ask(
            "Tell me.",
            max_tokens=limit,
            expects="cancelled" if cancels else "succeeded",
            context_policy="last_turns",  # however long the soak lasts, a turn costs the same
            context_turns=2,
        )
        try:
            if cancels:
                await self._cancel(reader, turn)
            await reader.until_end(turn, within=limit / self.plan.rate + END_S)
        except AssertionError as error:
            self.problems.append(f"{turn.generation_id}: {error}")
        self.samples_of(turn)
        reader.turns.clear()
        self.turns += 1
        self._unjudged.append(turn)
        if len(self._unjudged) >= JUDGED_AT_ONCE:
            await self._judge()

    async def _cancel(self, reader: Reader, turn: Turn) -> None:
        await reader.until_chunks(turn, 3, within=END_S)
        if turn.end is not None:  # an outage held it back, and all of it came at once
            turn.expects = "succeeded"
            return
        first_asked_at = time.monotonic()
        while turn.end is None:
            asked_at = time.monotonic()
            await reader.cancel(turn)
            try:
                await reader.until_end(turn, within=5)
            except AssertionError:
                continue  # the frame was lost with its connection
            self.samples["cancel"].append(time.monotonic() - asked_at)
        if self._was_unheard(first_asked_at) and turn.end and turn.end.get("finish_reason") != "cancelled":
            turn.expects = "succeeded"

    def _was_unheard(self, asked_at: float) -> bool:
        """Whether nobody could take a cancel then, or what an outage held back had only just come, the end of
        the reply with it: the engine of a frozen worker goes on, for one.
        """
        return any(
            fault.kind.startswith(HOLDS_BACK) and not 0 < fault.over_at < asked_at - HELD_BACK_S
            for fault in self.breaker.history
        )

    async def _judge(self) -> None:
        """Look at the replies that have ended since, all at once."""
        turns, self._unjudged = self._unjudged, []
        known = [turn.generation_id for turn in turns if turn.generation_id]
        stored = await asyncio.to_thread(self.cluster.database.replies_by_id, known) if known else {}
        self.problems += find_violations(turns, stored)
        self.characters += sum(len(turn.text) for turn in turns)
        self.tokens += sum(chunk.tokens for reply in stored.values() for chunk in reply.chunks)

    def samples_of(self, turn: Turn) -> None:
        """Keep what a turn tells about the faults it lived through."""
        for kind, seconds in figures.gaps_of(turn, self.breaker.history):
            self.samples[kind].append(seconds)
        asked = [fault for fault in self.breaker.history if fault.kind.startswith("Redis") and fault.over_at]
        if asked and turn.deltas and 0 <= turn.asked_at - asked[-1].over_at < 1:
            self.samples["Redis back, new turn"].append(turn.deltas[0].at - asked[-1].over_at)

    def _results(self, readers: Sequence[Reader], before: int, after: int) -> list[Result]:
        made = self.cluster.database.rows("SELECT count(*) FROM chat_generation")[0][0]
        if made != self.turns:
            self.problems.append(f"{made} generations for {self.turns} questions")
        size = {"before": round(before / 2**20, 1), "after": round(after / 2**20, 1)}
        counts = {
            "turns": float(self.turns),
            "tokens": float(self.tokens),
            "characters": float(self.characters),
            "faults": float(len(self.breaker.history)),
        }
        return [
            Result(name="soak", unit="", bounds={}, figures=counts),
            figures.lost_characters(self.problems),
            figures.share_back(readers, self.breaker.history),
            *figures.summarise(self.samples),
            Result(name="web process memory", unit="MB", bounds={}, figures=size),
        ]


def soak(plan: Plan) -> tuple[list[Result], list[str]]:
    """Start a deployment, run the plan; the figures and every violation."""
    with ExitStack() as resources:
        server = None if plan.sqlite else resources.enter_context(start_postgres_server())
        cluster = resources.enter_context(
            start_cluster(
                *WORKERS,
                rate=plan.rate,
                slots=plan.generations,  # whoever is left has room: the wait for a slot is not measured
                DATABASE_URL=server.url if server else "",
                CONTEXT_SIZE="65536",  # two turns and a reply, in the letters of the paced backend
                MAX_QUEUED_PER_USER="100000",
                MAX_SOCKETS_PER_USER="100000",
            )
        )
        rng = random.Random(plan.seed)
        run = Soak(plan, cluster, Breaker(cluster, random.Random(plan.seed), server, plan.only), rng)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run.run()), run.problems

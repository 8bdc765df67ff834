"""What a soak breaks. Each fault returns once it is over; workers that ended are started again."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import psutil
import redis

from chatproject.local.redis import why_unreachable
from tests.support.faults.cluster import Cluster, Worker
from tests.support.services import PostgresServer

FROZEN_WORKER_S = 7.0
FROZEN_REDIS_S = 5.0
DATABASE_AWAY_S = 10.0
POLL_S = 0.02


@dataclass
class Fault:
    """One that happened. `worker` is whom it hit, if one; `over_at` is when what was broken was back."""

    kind: str
    at: float
    worker: str = ""
    over_at: float = 0.0


class Breaker:
    """Breaks a cluster, one thing at a time, as its random numbers say."""

    def __init__(
        self,
        cluster: Cluster,
        rng: random.Random,
        server: PostgresServer | None,
        only: Sequence[str] = (),
    ) -> None:
        self.history: list[Fault] = []
        self._cluster = cluster
        self._rng = rng
        self._server = server
        self._bag: list[str] = []
        self._kinds: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "worker SIGKILL": lambda fault: self._end_worker(fault, signal.SIGKILL),
            "worker SIGTERM": lambda fault: self._end_worker(fault, signal.SIGTERM),
            "worker frozen": self._freeze_worker,
            "engine SIGSEGV": lambda fault: self._crash_engine(fault, signal.SIGSEGV),
            "engine SIGKILL": lambda fault: self._crash_engine(fault, signal.SIGKILL),
            "web SIGKILL": lambda fault: self._restart_web(fault, signal.SIGKILL),
            "web SIGTERM": lambda fault: self._restart_web(fault, signal.SIGTERM),
            "Redis SIGKILL": self._kill_redis,
            "Redis FLUSHALL": self._flush_redis,
            "Redis frozen": self._freeze_redis,
        }
        if server is not None:
            self._kinds["PostgreSQL restart"] = lambda fault: self._stop_database(fault, 0)
            self._kinds["PostgreSQL away 10 s"] = lambda fault: self._stop_database(fault, DATABASE_AWAY_S)
        self._kinds = {kind: hit for kind, hit in self._kinds.items() if not only or kind in only}

    async def strike(self) -> Fault:
        """The next fault: every kind once, in random order, then again."""
        if not self._bag:
            self._bag = self._rng.sample(sorted(self._kinds), len(self._kinds))
        fault = Fault(self._bag.pop(), time.monotonic())
        self.history.append(fault)
        await self._kinds[fault.kind](fault)
        fault.over_at = fault.over_at or time.monotonic()
        return fault

    async def mend(self) -> None:
        """Start what has ended, and wait until it takes generations."""
        for name, worker in list(self._cluster.workers.items()):
            if not worker.is_running:
                self._cluster.launch(name)
        await until(lambda: all(worker.is_ready for worker in self._cluster.workers.values()))

    def _choose_worker(self, fault: Fault) -> Worker:
        worker = self._cluster.workers[self._rng.choice(sorted(self._cluster.workers))]
        fault.worker = worker.name
        return worker

    async def _end_worker(self, fault: Fault, number: signal.Signals) -> None:
        worker = self._choose_worker(fault)
        worker.signal(number)
        await until(lambda: not worker.is_running)

    async def _freeze_worker(self, fault: Fault) -> None:
        worker = self._choose_worker(fault)
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_WORKER_S)
        worker.signal(signal.SIGCONT)

    async def _crash_engine(self, fault: Fault, number: signal.Signals) -> None:
        self._choose_worker(fault).engine().send_signal(number)

    async def _restart_web(self, fault: Fault, number: signal.Signals) -> None:
        web = self._cluster.web()
        web.send_signal(number)
        await until(lambda: not psutil.pid_exists(web.pid) or web.status() == psutil.STATUS_ZOMBIE)

    async def _kill_redis(self, fault: Fault) -> None:
        self._cluster.redis().kill()
        await until(lambda: not why_unreachable(self._cluster.redis_url))

    async def _flush_redis(self, fault: Fault) -> None:
        with redis.Redis.from_url(self._cluster.redis_url) as client:
            client.flushall()

    async def _freeze_redis(self, fault: Fault) -> None:
        process = self._cluster.redis()
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_REDIS_S)
        process.send_signal(signal.SIGCONT)

    async def _stop_database(self, fault: Fault, seconds: float) -> None:
        assert self._server is not None
        self._server.stop()
        await asyncio.sleep(seconds)
        self._server.start()  # not in a thread: the server would end with it


async def until(condition: Callable[[], bool], *, within: float = 90) -> None:
    """Wait for a condition without holding up the readers."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  processes and files have no event
            await asyncio.sleep(POLL_S)

"""Celery's entry points. The row decides; a message only says that it may be worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from celery import Task
from celery.signals import setup_logging, worker_ready, worker_shutting_down

from chat.queue import CHORES
from chatproject.celery import app
from chatproject.memory import keep_loaded
from workers.clerk import ClerkWatch
from workers.database import reconnect

_runtimes: list[Runtime] = []
_clerks: list[ClerkWatch] = []


class Runtime(Protocol):
    """A part of a worker process that takes hints from queues of its own."""

    @property
    def queues(self) -> list[str]:
        """The Celery queues whose hints are for it."""

    def hint(self, generation_id: UUID) -> None:
        """A row may be ready."""

    def fill(self) -> None:
        """A batch job may have lines."""

    def drain(self) -> None:
        """Take nothing more, and hand back what runs."""


def serve(runtimes: Sequence[Runtime], clerk: ClerkWatch, *, name: str, concurrency: int) -> None:
    """Run Celery's worker for started runtimes and their queues until it is told to stop."""
    _runtimes.extend(runtimes)
    _clerks.append(clerk)
    queues = [queue for runtime in runtimes for queue in runtime.queues] + [CHORES]
    worker_shutting_down.connect(_drain)
    setup_logging.connect(_keep_logging)
    worker_ready.connect(_settle)
    try:
        app.worker_main(
            [
                *(
                    "--quiet",
                    "worker",
                    "--pool=threads",
                    f"--concurrency={concurrency}",
                    f"--hostname={name}",
                ),
                f"--queues={','.join(queues)}",
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ]
        )
    finally:
        worker_shutting_down.disconnect(_drain)
        setup_logging.disconnect(_keep_logging)
        worker_ready.disconnect(_settle)
        _runtimes.clear()
        _clerks.clear()


@app.task(name="workers.run_generation", ignore_result=True, bind=True)
def run_generation(self: Task[Any, Any], generation_id: str) -> None:
    """A hint: claim the fairest generation, not necessarily this one, and run it to its end."""
    came_by = (self.request.delivery_info or {}).get("routing_key")
    try:
        for runtime in _runtimes:
            if came_by in runtime.queues:
                runtime.hint(UUID(generation_id))
    finally:
        reconnect()


@app.task(name="workers.fill_batch", ignore_result=True)
def fill_batch(job_id: str) -> None:
    """A job has lines: fill what is free, in fair shares with other jobs."""
    for runtime in _runtimes:
        runtime.fill()


@app.task(name="workers.begin_chore", ignore_result=True)
def begin_chore(name: str) -> None:
    """It is time for a backup or the like."""
    try:
        for clerk in _clerks:
            clerk.begin_chore(name)
    finally:
        reconnect()


def _drain(**_: object) -> None:
    for runtime in _runtimes:
        runtime.drain()


def _settle(**_: object) -> None:
    keep_loaded()


def _keep_logging(**_: object) -> None:
    """A receiver keeps Celery from replacing Django's logging."""

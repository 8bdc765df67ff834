"""Celery's entry points. The row decides; a message only says that it may be worth a look."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import UUID

from celery import Celery, Task
from celery.exceptions import InvalidTaskError
from celery.signals import setup_logging, worker_ready, worker_shutting_down

from chat.queue import CHORES, RUN_GENERATION
from chatproject.celery import app
from chatproject.memory import keep_loaded
from workers.clerk import ClerkWatch
from workers.database import reconnect

logger = logging.getLogger(__name__)

THREADS = 2
"""For what is no hint."""
_runtimes: list[Runtime] = []
_clerks: list[ClerkWatch] = []


class Runtime(Protocol):
    """A part of a worker process that takes hints from queues of its own."""

    @property
    def queues(self) -> list[str]:
        """The Celery queues whose hints are for it."""

    def hint(self, generation_id: UUID) -> None:
        """A row may be ready. Returns at once."""

    def fill(self) -> None:
        """A batch job may have lines."""

    def drain(self) -> None:
        """Take nothing more, and hand back what runs."""


def serve(runtimes: Sequence[Runtime], clerk: ClerkWatch, *, name: str) -> None:
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
                    f"--concurrency={THREADS}",
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


@app.task(name=RUN_GENERATION, ignore_result=True, Strategy="workers.tasks:hear_hints")
def run_generation(generation_id: str, queue: str) -> None:
    """A hint: claim the fairest generation, not necessarily this one, and run it to its end."""
    for runtime in _runtimes:
        if queue in runtime.queues:
            runtime.hint(UUID(generation_id))


def hear_hints(task: Task[Any, Any], app: Celery, consumer: Any) -> Callable[..., None]:
    """What Celery's loop does about a hint itself: a task of its own would cost more than it tells."""

    def hear(message: Any, body: object, ack: Callable[..., None], *_: object) -> None:
        try:
            (generation_id,), _, _ = message.payload
            task(generation_id, message.delivery_info["routing_key"])
        except (TypeError, ValueError) as error:
            raise InvalidTaskError(str(error)) from error
        ack(logger, consumer.connection_errors)

    return hear


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

"""Celery's entry points. The row decides; a message only says that it may be worth a look."""

from __future__ import annotations

from uuid import UUID

from celery.signals import setup_logging, worker_ready, worker_shutting_down

from chatproject.celery import app
from chatproject.memory import keep_loaded
from workers.database import reconnect
from workers.runtime import WorkerRuntime

_runtimes: list[WorkerRuntime] = []


def serve(runtime: WorkerRuntime, *, name: str, concurrency: int) -> None:
    """Run Celery's worker for a started runtime and its queues until it is told to stop."""
    _runtimes.append(runtime)
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
                f"--queues={','.join(runtime.queues)}",
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ]
        )
    finally:
        worker_shutting_down.disconnect(_drain)
        setup_logging.disconnect(_keep_logging)
        worker_ready.disconnect(_settle)
        _runtimes.remove(runtime)


@app.task(name="workers.run_generation", ignore_result=True)
def run_generation(generation_id: str) -> None:
    """A hint: claim the fairest generation, not necessarily this one, and run it to its end."""
    try:
        for runtime in _runtimes:
            runtime.hint(UUID(generation_id))
    finally:
        reconnect()


@app.task(name="workers.fill_batch", ignore_result=True)
def fill_batch(job_id: str) -> None:
    """A job has lines: fill what is free, in fair shares with other jobs."""
    for runtime in _runtimes:
        runtime.fill()


def _drain(**_: object) -> None:
    for runtime in _runtimes:
        runtime.drain()


def _settle(**_: object) -> None:
    keep_loaded()


def _keep_logging(**_: object) -> None:
    """A receiver keeps Celery from replacing Django's logging."""

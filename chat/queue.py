"""The only place that enqueues. A message is a hint that a row is ready; workers also look by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from chat.background import BackgroundSender
from chat.selectors.routing import REMOTE, Route
from chatproject.celery import app

RUN_GENERATION = "workers.run_generation"
FILL_BATCH = "workers.fill_batch"
BEGIN_CHORE = "workers.begin_chore"
CHORES = "chores"
"""The queue of what is done by the clock; every worker listens to it."""
Hint = tuple[str, UUID | str, str]
"""Task, row and queue."""


def model_queue(model: str, device: str) -> str:
    """The queue of the workers of one device class that offer a model. Others have no use for its hints.

    All workers for remote models offer all of them, and models come and go: these share a queue.
    """
    return "generations.remote" if device == REMOTE else f"generations.{model}.{device}"


def node_queue(worker: str) -> str:
    """The queue of one worker."""
    return f"node.{worker}"


def queues_of(*, worker: str, models: Iterable[str], device: str) -> list[str]:
    """Every queue that a worker takes hints from."""
    return [node_queue(worker), *(model_queue(model, device) for model in models)]


def enqueue_generation(generation_id: UUID, model: str, route: Route) -> None:
    """Hint that a generation waits. Never blocks and never fails: without it the row waits a second."""
    if route.worker:
        _sender.put((RUN_GENERATION, generation_id, node_queue(route.worker)))
    elif route.device:
        _sender.put((RUN_GENERATION, generation_id, model_queue(model, route.device)))


def enqueue_batch(job_id: UUID, workers: Iterable[str]) -> None:
    """A task for each of the workers: there are lines to fill spare slots with."""
    for worker in workers:
        _sender.put((FILL_BATCH, job_id, node_queue(worker)))


def enqueue_chore(name: str) -> None:
    """Whoever gets it does what is due, if nobody has begun it meanwhile."""
    _sender.put((BEGIN_CHORE, name, CHORES))


def flush_queue(timeout: float) -> bool:
    """Wait until every hint is sent or given up, before a process exits; False on timeout (seconds)."""
    return _sender.flush(timeout)


def _open() -> Callable[[list[Hint]], None]:
    return _send


def _send(hints: list[Hint]) -> None:
    for task, row_id, queue in hints:
        app.send_task(task, args=[str(row_id)], queue=queue, retry=False)


_sender: BackgroundSender[Hint] = BackgroundSender("hints", _open)

"""The only place that enqueues. A message is a hint that a row is ready; workers also look by themselves."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from chat.background import BackgroundSender
from chatproject.celery import app


def queue_of(model: str) -> str:
    """The queue of the workers that have a model loaded: others could do nothing with a hint."""
    return f"generations.{model}"


def enqueue_generation(generation_id: UUID, model: str) -> None:
    """Hint that a generation waits. Never blocks and never fails: without it the row waits a second."""
    _sender.put((generation_id, model))


def flush_queue(timeout: float) -> bool:
    """Wait until every hint is sent or given up, before a process exits; False on timeout (seconds)."""
    return _sender.flush(timeout)


def _open() -> Callable[[list[tuple[UUID, str]]], None]:
    return _send


def _send(hints: list[tuple[UUID, str]]) -> None:
    for generation_id, model in hints:
        app.send_task("workers.run_generation", args=[str(generation_id)], queue=queue_of(model), retry=False)


_sender: BackgroundSender[tuple[UUID, str]] = BackgroundSender("generation hints", _open)

"""Telling workers that a job has lines for them."""

from __future__ import annotations

from django.db import transaction

from chat.models import BatchJob
from chat.queue import enqueue_batch
from chat.selectors.workers import live_workers


def tell_workers(job: BatchJob) -> None:
    """A hint for every live worker with the job's model, once this is committed."""
    able = [worker.name for worker in live_workers() if job.model in worker.offered_models]
    transaction.on_commit(lambda: enqueue_batch(job.id, able))

"""Validates and finalises batch jobs in a process of its own, so that chat never feels a large file."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import uniform
from uuid import UUID

from django.conf import settings
from django.db import connections

from chat.api.openai.lines import read_body, write_answer
from chat.models import BatchJob, BatchStatus
from chat.queue import flush_queue
from chat.realtime.redis_clients import REDIS_ERRORS
from chat.services.batches import (
    JobLost,
    Tenure,
    deliver_notices,
    fail_batch,
    finalise_batch,
    purge_batches,
    take_job,
    validate_batch,
)
from chat.services.files import purge_files
from chat.services.panels import purge_visitors
from chat.services.temporary import purge_temporary
from chat.services.undoing import purge_deletions
from chatproject.local.processes import end_with_parent
from workers.chores import Chores
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)

LOOK_S = 1.0
PURGE_S = 3600.0
TIDY_S = 60.0
LINGER_S = 2.0
FAREWELL_S = 2.0
NICENESS = 10
MAX_TRIES = 3


class ClerkWatch:
    """Takes jobs that wait for a clerk and gives each to a new process; purges; watches the clock; and on a
    thread of their own sends notices, since whoever takes them may be slow. Every worker process has one,
    whatever its models are.
    """

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._clerk: subprocess.Popen[bytes] | None = None
        self._chores = Chores()
        self._purged_at = self._tidied_at = time.monotonic()
        self._last_visitor: UUID | None = None
        self._threads = [
            threading.Thread(target=self._loop, args=(work,), name=name, daemon=True)
            for name, work in (("clerk-watch", self.look), ("notices", deliver_notices))
        ]

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def close(self, timeout_s: float) -> None:
        """End the clerk; another worker's takes its job when the lease has expired."""
        self._closed.set()
        for thread in filter(threading.Thread.is_alive, self._threads):
            thread.join(timeout_s)
        self._chores.close(timeout_s)
        if self._clerk is not None:
            self._clerk.terminate()
            self._clerk.wait(timeout_s)

    def begin_chore(self, name: str) -> None:
        """A chore is due: do it here, if nobody has begun it."""
        self._chores.begin(name)

    def look(self) -> None:
        """One round."""
        if self._clerk is None or self._clerk.poll() is not None:
            taken = take_job()
            self._clerk = _start_clerk(taken[1]) if taken is not None else None
        if time.monotonic() - self._purged_at > PURGE_S:
            self._purged_at = time.monotonic()
            purge_batches()
            purge_files()
        if time.monotonic() - self._tidied_at > TIDY_S:
            self._tidied_at = time.monotonic()
            purge_deletions()
            with contextlib.suppress(*REDIS_ERRORS):  # without it nobody knows who is there
                purge_temporary()
            self._last_visitor = purge_visitors()
        elif self._last_visitor is not None:  # the rest of those that were more than one round's
            self._last_visitor = purge_visitors(after=self._last_visitor)
        self._chores.look()

    def _loop(self, work: Callable[[], object]) -> None:
        while not self._closed.wait(LOOK_S * uniform(0.5, 1.2)):  # noqa: S311  jitter
            try:
                work()
            except OUTAGE:
                reconnect()
            except Exception:
                logger.exception("looking after batch jobs failed")
        connections.close_all()


def _start_clerk(tenure: Tenure) -> subprocess.Popen[bytes]:
    program = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "clerk"]
    return subprocess.Popen(  # noqa: S603  our own program
        [*program, str(tenure.job_id), str(tenure.attempt)],
        stdin=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )


def run_clerk(job_id: UUID, attempt: int) -> None:
    """Do what the job needs, then whatever else waits, and leave when nothing has come for a moment."""
    os.nice(NICENESS)
    job = BatchJob.objects.select_related("user", "input_file", "output_file", "error_file").get(id=job_id)
    tend(job, Tenure(job_id=job_id, attempt=attempt))
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < LINGER_S:
        taken = take_job()
        if taken is None:
            time.sleep(LINGER_S / 10)
            continue
        tend(*taken)
        idle_since = time.monotonic()
    flush_queue(FAREWELL_S)


def tend(job: BatchJob, tenure: Tenure) -> None:
    """Validate or finalise a job. Losing it on the way is nobody's fault."""
    try:
        if job.status != BatchStatus.VALIDATING:
            finalise_batch(job=job, tenure=tenure, write_answer=write_answer)
        elif tenure.attempt > MAX_TRIES:
            message = "The file could not be read: try again, or split it."
            fail_batch(job=job, tenure=tenure, code="internal_error", message=message)
        else:
            validate_batch(job=job, tenure=tenure, read_body=read_body)
    except JobLost:
        logger.info("batch %s was taken away", job.id)
    except OUTAGE:
        logger.warning("the database is away: batch %s waits", job.id)
        reconnect()
    except Exception:
        logger.exception("batch %s cannot be %s", job.id, job.status)

"""Backups, disposal and counts by the clock: Celery tasks, each in a process of its own with low priority."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from chat.queue import enqueue_chore
from chat.services.chores import claim_chore, is_chore_due
from chatproject.local.processes import end_with_parent

logger = logging.getLogger(__name__)

LOOK_S = 60.0
COUNT_EVERY = timedelta(minutes=30)
DISPOSE_EVERY = timedelta(days=1)


class Chores:
    """The clock: `look` now and then, from one thread; `begin` is what Celery calls, on any worker.

    The row decides who does what, and when. A lost task is sent again by the next look.
    """

    def __init__(self) -> None:
        self._looked_at = -LOOK_S
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def look(self) -> None:
        """Tell what failed, and once a minute send a task for whatever is due."""
        self._reap()
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        for name, every in schedule().items():
            if is_chore_due(name=name, every=every):
                enqueue_chore(name)

    def begin(self, name: str) -> None:
        """Do it, unless somebody else was faster."""
        every = schedule().get(name)
        with self._lock:
            if every is not None and name not in self._running and claim_chore(name=name, every=every):
                logger.info("%s begins", name)
                self._running[name] = _start(name)

    def close(self, timeout_s: float) -> None:
        """End what runs. What is half done is done again another time."""
        for process in self._running.values():
            process.terminate()
            process.wait(timeout_s)

    def _reap(self) -> None:
        with self._lock:
            ended = [(name, process) for name, process in self._running.items() if process.poll() is not None]
            for name, _ in ended:
                del self._running[name]
        for name, process in ended:
            if process.returncode:
                logger.error("%s failed with exit status %d: see above", name, process.returncode)


def schedule() -> dict[str, timedelta]:
    """The commands that are to be run by the clock here, and how often."""
    hours = settings.BACKUP_EVERY_HOURS
    backup = {"backup": timedelta(hours=hours)} if hours else {}
    return {"count_usage": COUNT_EVERY, "retention": DISPOSE_EVERY} | backup


def _start(name: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), name, "--scheduled"]
    return subprocess.Popen(  # noqa: S603  our own program
        program, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent
    )

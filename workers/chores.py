"""Backups and disposal by the clock, each in a process of its own with low priority."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from chat.services.chores import claim_chore
from chatproject.local.processes import end_with_parent

logger = logging.getLogger(__name__)

LOOK_S = 60.0
COUNT_EVERY = timedelta(minutes=30)
DISPOSE_EVERY = timedelta(days=1)


class Chores:
    """Whoever owns it calls `look` now and then; it looks at the database once a minute."""

    def __init__(self) -> None:
        self._looked_at = -LOOK_S
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def look(self) -> None:
        """Begin what is due and is nobody else's; tell what failed."""
        self._reap()
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        for name, every in due_chores().items():
            if name not in self._running and claim_chore(name=name, every=every):
                logger.info("%s begins", name)
                self._running[name] = _start(name)

    def close(self, timeout_s: float) -> None:
        """End what runs. What is half done is done again another time."""
        for process in self._running.values():
            process.terminate()
            process.wait(timeout_s)

    def _reap(self) -> None:
        for name, process in list(self._running.items()):
            status = process.poll()
            if status is not None:
                del self._running[name]
                if status:
                    logger.error("%s failed with exit status %d: see above", name, status)


def due_chores() -> dict[str, timedelta]:
    """The commands that are to be run by the clock here, and how often."""
    hours = settings.BACKUP_EVERY_HOURS
    backup = {"backup": timedelta(hours=hours)} if hours else {}
    return {"count_usage": COUNT_EVERY, "retention": DISPOSE_EVERY} | backup


def _start(name: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), name, "--scheduled"]
    return subprocess.Popen(  # noqa: S603  our own program
        program, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent
    )

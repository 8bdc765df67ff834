"""Stepping back for processes that people wait for."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
TRIES, RETRY_S = 10, 0.1
"""Linux lets one process at a time set it, each 0.1 s after the one before."""


def give_way(by: int = 0) -> None:
    """Make this process, and those that it starts, nicer by so much (0 to 19).

    Linux may share the processor among sessions before it looks at niceness, which then orders only the
    processes of one (autogroup, sched(7)). So who leads a session makes that as nice as itself.
    """
    niceness = os.nice(by)
    if niceness > 0 and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no Linux, or built without it
            _set_autogroup(niceness)


def _set_autogroup(niceness: int) -> None:
    for _ in range(TRIES):
        with contextlib.suppress(BlockingIOError):
            AUTOGROUP.write_text(str(niceness))
            return
        time.sleep(RETRY_S)

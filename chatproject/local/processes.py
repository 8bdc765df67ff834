"""Keeping track of child processes; what only Linux offers is best effort elsewhere."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NICENESS = 10


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_with_parent() -> None:
    """In a child before exec: get SIGTERM when the parent dies, however it dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def step_back() -> None:
    """In a process that nobody waits for: leave the processor to others, and tidy up on SIGTERM."""
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent died, so that it can end them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(*, except_pid: int) -> None:
    """Collect adopted children that ended; `except_pid` is the child that somebody else waits for."""
    for child in psutil.Process().children():
        if child.pid != except_pid and child.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(child.pid, os.WNOHANG)


def end_descendants(*, timeout: float) -> None:
    """SIGTERM every descendant still there, wait up to `timeout` seconds, then SIGKILL what is left."""
    remaining = psutil.Process().children(recursive=True)
    for process in remaining:
        _signal(process, signal.SIGTERM)
    _, remaining = psutil.wait_procs(remaining, timeout=timeout)
    for process in remaining:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(remaining, timeout=timeout)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return

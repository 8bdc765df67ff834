"""Ends a step for a request whose time is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from inference.backends.interruption import Interruption

LONGEST_STEP_S = 10.0
"""What is further away than any step takes needs no alarm: the loop looks between two steps."""


@contextmanager
def alarm(interruption: Interruption, after_s: float) -> Iterator[None]:
    """Call for an interruption of what is done here, so many seconds from now."""
    if after_s > LONGEST_STEP_S:
        yield
        return
    timer = Timer(after_s, interruption.call)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

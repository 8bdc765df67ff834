"""Whether this process was told to stop: a connection that ends then is not one its client gave up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_told = threading.Event()
_watched: set[signal.Signals] = set()
_callbacks: list[Callable[[], None]] = []


def is_stopping() -> bool:
    """Whether SIGTERM or SIGINT has come since `watch_for_stop`."""
    return _told.is_set()


def when_stopping(callback: Callable[[], None]) -> None:
    """Have it called, on the main thread and between any two of its steps, once a watched signal comes."""
    _callbacks.append(callback)


def watch_for_stop() -> None:
    """Notice the signals and pass them on to whoever handled them. Servers install theirs before they
    load the application, so this is called while serving; elsewhere than on the main thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        if number not in _watched:
            _watched.add(number)
            _chain(number)


def _chain(number: signal.Signals) -> None:
    earlier: Any = signal.getsignal(number)

    def notice(received: int, frame: FrameType | None) -> None:
        _told.set()
        for callback in _callbacks:
            callback()
        if callable(earlier):
            earlier(received, frame)
        elif earlier is signal.SIG_DFL:
            signal.signal(received, signal.SIG_DFL)
            signal.raise_signal(received)

    with contextlib.suppress(ValueError):  # a handler that was not installed from Python
        signal.signal(number, notice)

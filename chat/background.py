"""One daemon thread per process and purpose, for messages that nobody may wait for."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)

CAPACITY = 1024


class BackgroundSender(Generic[T]):
    """Hands items to `open_sender()`'s function in order, on its own thread, and drops the oldest when full.

    The function gets whatever has gathered since it last returned. What it carries are hints: a failure is
    logged once per outage and the items are forgotten.
    """

    def __init__(self, name: str, open_sender: Callable[[], Callable[[list[T]], None]]) -> None:
        self.name = name
        self._open_sender = open_sender
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._items: deque[T] = deque(maxlen=CAPACITY)
        self._changed = threading.Condition()
        self._busy = False
        self._failing = False
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> None:
        """Never waits for the network."""
        if self._pid != os.getpid():  # a fork inherits the queue but not the thread
            self._reset()
        with self._changed:
            self._items.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until everything is sent or dropped; False when `timeout` seconds were not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._items and not self._busy, timeout)

    def _run(self) -> None:
        send = self._open_sender()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items)
                items = list(self._items)
                self._items.clear()
                self._busy = True
            self._deliver(send, items)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _deliver(self, send: Callable[[list[T]], None], items: list[T]) -> None:
        try:
            send(items)
        except Exception as error:  # noqa: BLE001  the edge of the thread: the row stands without the hint
            if not self._failing:
                logger.warning("%s: not delivered, rows are found without it: %s", self.name, error)
            self._failing = True
        else:
            self._failing = False

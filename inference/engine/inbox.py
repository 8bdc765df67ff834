"""What other threads want of the engine's loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from inference.backends.interruption import Interruption

Note = Callable[[], None]


class Inbox:
    """Notes that any thread may leave; the loop carries them out before its next step."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._notes: deque[Note] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, note: Note, *, urgent: bool = False) -> bool:
        """Leave a note, an urgent one with a call to break the step off; False where it was closed before."""
        with self._changed:
            if not self._is_closed:
                self._notes.append(note)
                self._changed.notify()
                if urgent:
                    self._interruption.call()
            return not self._is_closed

    def read(self) -> bool:
        """Carry out what there is; False when there was nothing."""
        self._interruption.clear()
        any_note = bool(self._notes)
        while self._notes:
            self._notes.popleft()()
        return any_note

    def wait(self, timeout_s: float) -> None:
        """Sleep until there is a note, but no longer than that."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._notes), timeout=timeout_s)

    def close(self) -> None:
        """Carry out what there is, and take no more."""
        with self._changed:
            self._is_closed = True
        self.read()

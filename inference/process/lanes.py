"""Who prepares which conversation: a slow template waits for its own kind, never a neighbour for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from inference.process.framing import Prepare, Prepared, Preparing, Refused
from inference.prompt import is_foreign

PrepareNow = Callable[[Prepare], Prepared | Refused]
Send = Callable[[Prepared | Preparing | Refused], None]

KNOWN_THREADS = 2


class Lane:
    """A queue of conversations and the threads that prepare them."""

    def __init__(self, prepare: PrepareNow, send: Send, threads: int) -> None:
        self._prepare = prepare
        self._send = send
        self._queue: SimpleQueue[Prepare] = SimpleQueue()
        self._lock = threading.Lock()
        self._queued: set[int] = set()
        self._running: set[int] = set()
        for _ in range(threads):
            self._start()

    def put(self, command: Prepare) -> None:
        """Prepare it when its turn comes."""
        with self._lock:
            self._queued.add(command.call_id)
        self._queue.put(command)

    def give_up(self, call_id: int) -> None:
        """Nobody waits for this one any more: skip it, or let another thread take the place of its own."""
        with self._lock:
            self._queued.discard(call_id)
            is_stuck = call_id in self._running
            self._running.discard(call_id)
        if is_stuck:
            self._start()

    def _start(self) -> None:
        threading.Thread(target=self._run, name="prepare", daemon=True).start()

    def _run(self) -> None:
        while self._follow(self._queue.get()):
            pass

    def _follow(self, command: Prepare) -> bool:
        """Answer one; False when this thread has been replaced meanwhile."""
        with self._lock:
            if command.call_id not in self._queued:
                return True
            self._queued.remove(command.call_id)
            self._running.add(command.call_id)
        self._send(Preparing(command.call_id))
        answer = self._prepare(command)
        with self._lock:
            if command.call_id not in self._running:
                return False
            self._running.remove(command.call_id)
        self._send(answer)
        return True


class Lanes:
    """Templates that people wrote run one at a time, apart from the model's own and the builtin ones."""

    def __init__(self, prepare: PrepareNow, send: Send) -> None:
        self._known = Lane(prepare, send, KNOWN_THREADS)
        self._foreign = Lane(prepare, send, 1)

    def put(self, command: Prepare) -> None:
        """Prepare it when its turn comes."""
        (self._foreign if is_foreign(command.template) else self._known).put(command)

    def give_up(self, call_id: int) -> None:
        """Nobody waits for this one any more."""
        self._known.give_up(call_id)
        self._foreign.give_up(call_id)

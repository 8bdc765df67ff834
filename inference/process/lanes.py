"""Who answers which call: a slow template waits for its own kind, never a neighbour for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from inference.process.framing import Answer, Call, Embed, Preparing
from inference.prompt import is_foreign

AnswerNow = Callable[[Call], Answer]
Send = Callable[[Answer | Preparing], None]

KNOWN_THREADS = 2
EMBEDDING_THREADS = 4
"""They wait for the engine: so many calls share its batches."""


class Lane:
    """A queue of calls and the threads that answer them."""

    def __init__(self, answer: AnswerNow, send: Send, threads: int) -> None:
        self._answer = answer
        self._send = send
        self._queue: SimpleQueue[Call] = SimpleQueue()
        self._lock = threading.Lock()
        self._queued: set[int] = set()
        self._running: set[int] = set()
        for _ in range(threads):
            self._start()

    def put(self, command: Call) -> None:
        """Answer it when its turn comes."""
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
        threading.Thread(target=self._run, name="lane", daemon=True).start()

    def _run(self) -> None:
        while self._follow(self._queue.get()):
            pass

    def _follow(self, command: Call) -> bool:
        """Answer one; False when this thread has been replaced meanwhile."""
        with self._lock:
            if command.call_id not in self._queued:
                return True
            self._queued.remove(command.call_id)
            self._running.add(command.call_id)
        self._send(Preparing(command.call_id))
        answer = self._answer(command)
        with self._lock:
            if command.call_id not in self._running:
                return False
            self._running.remove(command.call_id)
        self._send(answer)
        return True


class Lanes:
    """Templates that people wrote run one at a time, apart from the model's own and the builtin ones."""

    def __init__(self, answer: AnswerNow, send: Send) -> None:
        self._known = Lane(answer, send, KNOWN_THREADS)
        self._foreign = Lane(answer, send, 1)
        self._embedding = Lane(answer, send, EMBEDDING_THREADS)

    def put(self, command: Call) -> None:
        """Answer it when its turn comes."""
        if isinstance(command, Embed):
            self._embedding.put(command)
        else:
            (self._foreign if is_foreign(command.template) else self._known).put(command)

    def give_up(self, call_id: int) -> None:
        """Nobody waits for this one any more."""
        self._known.give_up(call_id)
        self._foreign.give_up(call_id)
        self._embedding.give_up(call_id)

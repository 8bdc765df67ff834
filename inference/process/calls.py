"""Calls to an engine process that wait for their answers: conversations to prepare, texts to embed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from inference.process.framing import Answer, Call, Embedded, GiveUp, Prepared, Preparing
from inference.types.embeddings import Embeddings
from inference.types.errors import InferenceError, Reason, engine_stopped
from inference.types.prompts import PreparedPrompt

QUEUE_S = 300.0
"""How long a call may wait for its turn. An engine that hangs is noticed by its pulse, and far sooner."""
LOOK_S = 0.25


@dataclass(eq=False)
class _OpenCall:
    """A call without an answer yet; `doing` is what the engine does about it, for the user."""

    command: Call
    doing: str
    timeout_s: float
    deadline: float
    answer: Future[Any] = field(default_factory=Future)
    crashes: int = 0


class OpenCalls:
    """Who waits for which answer, over however many children. Every method may be called from any thread."""

    def __init__(self, send: Callable[[Call | GiveUp], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._open: dict[int, _OpenCall] = {}
        self._ids = itertools.count()
        self._has_child = False
        self._is_closed = False

    def new_id(self) -> int:
        """The next call's id."""
        return next(self._ids)

    def ask(self, command: Call, doing: str, timeout_s: float) -> Any:
        """Send a call, now or to the next child, and wait. Raises `InferenceError` where it is refused.

        The timeout runs from when its turn has come.
        """
        call = _OpenCall(command, doing, timeout_s, time.monotonic() + QUEUE_S)
        with self._lock:
            if self._is_closed:
                raise engine_stopped()
            self._open[command.call_id] = call
            if self._has_child:
                self._send(command)
        return self._wait(call)

    def resume(self) -> None:
        """A child is ready: ask it all that has no answer."""
        with self._lock:
            self._has_child = True
            for call in self._open.values():
                self._send(call.command)

    def begin(self, report: Preparing) -> None:
        """A call's turn has come."""
        with self._lock:
            call = self._open.get(report.call_id)
            if call is not None:
                call.deadline = time.monotonic() + call.timeout_s

    def answer(self, report: Answer) -> None:
        """Hand an answer over; it may be late, or that of an earlier child."""
        with self._lock:
            call = self._open.get(report.call_id)
            if call is None:
                return
            if isinstance(report, Prepared):
                self._settle(call, report.prompt)
            elif isinstance(report, Embedded):
                self._settle(call, report.embeddings)
            else:
                self._settle(call, InferenceError(report.code, report.message, retryable=report.retryable))

    def crash(self) -> None:
        """The child died: what has met that twice is refused, the rest waits for the next one."""
        with self._lock:
            self._has_child = False
            for call in list(self._open.values()):
                call.crashes += 1
                call.deadline = time.monotonic() + QUEUE_S
                if call.crashes > 1:
                    message = Reason("%(doing)s crashed the model. Try again.", {"doing": call.doing})
                    self._settle(call, InferenceError("engine_crashed", message, retryable=True))

    def close(self) -> None:
        """Refuse all, from now on. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            for call in list(self._open.values()):
                self._settle(call, engine_stopped())

    def _wait(self, call: _OpenCall) -> Any:
        while (left := call.deadline - time.monotonic()) > 0:
            try:
                return call.answer.result(min(left, LOOK_S))  # the deadline moves when its turn comes
            except TimeoutError:
                continue
        self._give_up_on(call)
        return call.answer.result()

    def _give_up_on(self, call: _OpenCall) -> None:
        """The engine lives on: slow is not hanging, and its other conversations have threads of their own."""
        with self._lock:
            if self._open.get(call.command.call_id) is call:
                message = Reason("%(doing)s took too long.", {"doing": call.doing})
                self._settle(call, InferenceError("prompt_timeout", message, retryable=True))
                self._send(GiveUp(call.command.call_id))

    def _settle(self, call: _OpenCall, result: PreparedPrompt | Embeddings | InferenceError) -> None:
        del self._open[call.command.call_id]
        if isinstance(result, InferenceError):
            call.answer.set_exception(result)
        else:
            call.answer.set_result(result)

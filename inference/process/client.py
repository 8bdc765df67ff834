"""The worker's side of an engine process."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from inference.config import EngineConfig
from inference.engine.validation import check_form
from inference.process.framing import (
    Acknowledge,
    Answer,
    Call,
    Cancel,
    Embed,
    Embedded,
    GiveUp,
    LoadFailed,
    Prepare,
    Prepared,
    Preparing,
    Pulse,
    Ready,
    Refused,
    Report,
    Submit,
)
from inference.process.ledger import Ending, Ledger
from inference.process.supervisor import Supervisor
from inference.types.context import KEEP_ALL, ContextPolicy
from inference.types.embeddings import Embeddings
from inference.types.engines import EngineInfo, Gauges, Totals
from inference.types.errors import InferenceError, engine_stopped
from inference.types.events import Emit, Failed
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.tools import ToolUse

LOAD_S = 900.0
PREPARE_S = 60.0
"""How long one conversation may take, from when its turn has come."""
EMBED_S = 300.0
"""How long one call for embeddings may take, from when its turn has come."""
QUEUE_S = 300.0
"""How long it may wait for its turn. An engine that hangs is noticed by its pulse, and far sooner."""
LOOK_S = 0.25


@dataclass(eq=False)
class _Pending:
    """A call without an answer yet; `doing` is what the engine does about it, for the user."""

    command: Call
    doing: str
    timeout_s: float
    deadline: float
    answer: Future[Any] = field(default_factory=Future)
    crashes: int = 0


class EngineClient:
    """Runs requests in a supervised engine process. Every method may be called from any thread.

    Every submit ends in exactly one `Finished` or `Failed`, also when the process dies: live requests go on
    in the next one after what they have said. After `close` nothing is emitted any more. `emit` is called on
    the client's own thread, or on that of a caller whose call ends the request; it must not block or raise.
    """

    def __init__(self, config: EngineConfig, *, load_timeout_s: float = LOAD_S) -> None:
        self._load_timeout_s = load_timeout_s
        self._lock = threading.Lock()
        self._ledger = Ledger(seats=config.slots, batch_pauses=config.pauses_batch)
        self._calls: dict[int, _Pending] = {}
        self._call_ids = itertools.count()
        self._stopped = False
        self._supervisor = Supervisor(config, self)

    @property
    def is_alive(self) -> bool:
        """Whether requests can still be answered. False before `start`, and for good once it was True."""
        return self._supervisor.is_alive and not self._stopped

    @property
    def is_open(self) -> bool:
        """Whether a process takes requests now: not after a crash, until the next one is ready."""
        return self._ledger.is_open

    @property
    def is_overdue(self) -> bool:
        """Whether the process hangs: silent, or too long in one step."""
        return self._supervisor.health.is_overdue

    @property
    def gauges(self) -> Gauges:
        """How busy the engine was half a second ago."""
        return self._supervisor.gauges

    @property
    def totals(self) -> Totals:
        """What the process has done since it was started, half a second ago."""
        return self._supervisor.totals

    @property
    def pid(self) -> int | None:
        """The engine's process id, for the log and for tests."""
        return self._supervisor.pid

    def start(self) -> EngineInfo:
        """Start the process and load the model. Raises `InferenceError` with the reason when that fails."""
        try:
            return self._supervisor.start(self._load_timeout_s)
        except InferenceError:
            self.close()
            raise

    def prepare(
        self,
        messages: Sequence[PromptMessage],
        template: str = "",
        tools: ToolUse | None = None,
        policy: ContextPolicy = KEEP_ALL,
        *,
        written: str = "",
        timeout_s: float = PREPARE_S,
    ) -> PreparedPrompt:
        """Render and tokenise as much of a conversation as the policy keeps, and what another model has
        `written` of the reply.

        Raises `InferenceError` with a sentence for the user. The timeout runs while the conversation is being
        prepared, not while it waits behind others.
        """
        command = Prepare(next(self._call_ids), list(messages), template, tools, policy, written)
        prompt: PreparedPrompt = self._ask(command, "Preparing this conversation", timeout_s)
        return prompt

    def embed(
        self, inputs: Sequence[str | list[int]], *, first: int = 0, timeout_s: float = EMBED_S
    ) -> Embeddings:
        """Vectors of texts or token ids, in order. Raises `InferenceError`, which counts from `first`."""
        command = Embed(next(self._call_ids), list(inputs), first)
        embeddings: Embeddings = self._ask(command, "Computing these embeddings", timeout_s)
        return embeddings

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Run a request. One that could not even be sent to the process fails at once."""
        try:
            check_form(request)
        except InferenceError as error:
            emit(Failed.of(request.request_id, error))
            return
        with self._lock:
            refused = self._stopped
            if not refused:
                self._ledger.add(request, emit)
                self._admit()
        if refused:
            emit(Failed.of(request.request_id, engine_stopped()))

    def cancel(self, request_id: str) -> None:
        """End a request before its next token. Unknown ids are ignored: it may have just ended."""
        with self._lock:
            endings = self._ledger.cancel(request_id)
            self._supervisor.send(Cancel(request_id))
        _emit(endings)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Tell that `tokens` more of a request's tokens were taken; far behind, it is parked."""
        self._supervisor.send(Acknowledge(request_id, tokens))

    def can_move(self, request_id: str) -> bool:
        """Whether another worker could go on with a request: any can that has the model."""
        return True

    def is_parked(self, request_id: str) -> bool:
        """Whether a request waits for the engine's next process, and another worker may go on with it."""
        with self._lock:
            return self._ledger.is_parked(request_id)

    def kill(self) -> None:
        """End a process that hangs. The next one continues its requests."""
        self._supervisor.kill()

    def close(self) -> None:
        """Let the process leave; live requests hear nothing more."""
        with self._lock:
            self._stopped = True
            self._ledger.drop_all()
            self._refuse_calls()
        self._supervisor.close()

    # ---- what the supervisor tells, on its thread

    def heard(self, report: Report) -> None:
        """Pass on what the child says."""
        if isinstance(report, Ready):
            self._resume()
        elif isinstance(report, Preparing):
            self._begin(report)
        elif isinstance(report, Prepared | Embedded | Refused):
            self._answer(report)
        elif not isinstance(report, Pulse | LoadFailed):
            with self._lock:
                emit = self._ledger.note(report)
                self._admit()
            if emit is not None:
                emit(report)

    def crashed(self) -> None:
        """Keep what can go on for the next child."""
        with self._lock:
            endings = self._ledger.crash()
            for call in list(self._calls.values()):
                call.crashes += 1
                call.deadline = time.monotonic() + QUEUE_S
                if call.crashes > 1:
                    message = f"{call.doing} crashed the model. Try again."
                    self._settle(call, InferenceError("engine_crashed", message, retryable=True))
        _emit(endings)

    def gone(self) -> None:
        """End everything that is left."""
        with self._lock:
            self._stopped = True
            dropped = self._ledger.drop_all()
            self._refuse_calls()
        for live in dropped:
            live.emit(Failed.of(live.request.request_id, engine_stopped()))

    # ---- under the lock

    def _admit(self) -> None:
        for request in self._ledger.admit():
            self._supervisor.send(Submit(request))

    def _settle(self, call: _Pending, result: PreparedPrompt | Embeddings | InferenceError) -> None:
        self._calls.pop(call.command.call_id, None)
        if isinstance(result, InferenceError):
            call.answer.set_exception(result)
        else:
            call.answer.set_result(result)

    def _refuse_calls(self) -> None:
        for call in list(self._calls.values()):
            self._settle(call, engine_stopped())

    # ---- taking the lock

    def _resume(self) -> None:
        with self._lock:
            self._ledger.open()
            for call in self._calls.values():
                self._supervisor.send(call.command)
            self._admit()

    def _ask(self, command: Call, doing: str, timeout_s: float) -> Any:
        check_form(command)
        call = _Pending(command, doing, timeout_s, time.monotonic() + QUEUE_S)
        with self._lock:
            if self._stopped:
                raise engine_stopped()
            self._calls[command.call_id] = call
            if self._ledger.is_open:
                self._supervisor.send(command)
        return self._wait(call)

    def _answer(self, report: Answer) -> None:
        with self._lock:
            call = self._calls.get(report.call_id)
            if call is None:  # it took too long, or was answered by an earlier child
                return
            if isinstance(report, Prepared):
                self._settle(call, report.prompt)
            elif isinstance(report, Embedded):
                self._settle(call, report.embeddings)
            else:
                self._settle(call, InferenceError(report.code, report.message, retryable=report.retryable))

    def _begin(self, report: Preparing) -> None:
        with self._lock:
            call = self._calls.get(report.call_id)
            if call is not None:
                call.deadline = time.monotonic() + call.timeout_s

    def _wait(self, call: _Pending) -> Any:
        while (left := call.deadline - time.monotonic()) > 0:
            try:
                return call.answer.result(min(left, LOOK_S))  # the deadline moves when its turn comes
            except TimeoutError:
                continue
        self._give_up_on(call)
        return call.answer.result()

    def _give_up_on(self, call: _Pending) -> None:
        """The engine lives on: slow is not hanging, and its other conversations have threads of their own."""
        with self._lock:
            if self._calls.get(call.command.call_id) is call:
                message = f"{call.doing} took too long."
                self._settle(call, InferenceError("prompt_timeout", message, retryable=True))
                self._supervisor.send(GiveUp(call.command.call_id))


def _emit(endings: list[Ending]) -> None:
    for emit, event in endings:
        emit(event)

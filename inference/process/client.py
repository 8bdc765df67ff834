"""The worker's side of an engine process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from inference.config import EngineConfig
from inference.engine.validation import check_form
from inference.process.calls import OpenCalls
from inference.process.framing import (
    Acknowledge,
    Call,
    Cancel,
    Embed,
    Embedded,
    Prepare,
    Prepared,
    Preparing,
    Ready,
    Refused,
    Report,
    Said,
    Submit,
)
from inference.process.ledger import Ending, Ledger
from inference.process.supervisor import Supervisor
from inference.types.context import KEEP_ALL, ContextPolicy
from inference.types.embeddings import Embeddings
from inference.types.engines import EngineInfo, Gauges, Totals
from inference.types.errors import InferenceError, engine_stopped
from inference.types.events import Emit, EngineEvent, Failed
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.tools import ToolUse

LOAD_S = 900.0
PREPARE_S = 60.0
"""How long one conversation may take, from when its turn has come."""
EMBED_S = 300.0
"""How long one call for embeddings may take, from when its turn has come."""


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
        self._stopped = False
        self._supervisor = Supervisor(config, self)
        self._calls = OpenCalls(self._supervisor.send)

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
        command = Prepare(self._calls.new_id(), list(messages), template, tools, policy, written)
        prompt: PreparedPrompt = self._ask(command, "Preparing this conversation", timeout_s)
        return prompt

    def embed(
        self, inputs: Sequence[str | list[int]], *, first: int = 0, timeout_s: float = EMBED_S
    ) -> Embeddings:
        """Vectors of texts or token ids, in order. Raises `InferenceError`, which counts from `first`."""
        command = Embed(self._calls.new_id(), list(inputs), first)
        embeddings: Embeddings = self._ask(command, "Computing these embeddings", timeout_s)
        return embeddings

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Run a request. One that could not even be sent to the process fails at once."""
        self.submit_all([(request, emit)])

    def submit_all(self, asked: Sequence[tuple[GenerationRequest, Emit]]) -> None:
        """Run requests that reach the engine together: it computes their prompts in the same steps."""
        sound = [(request, emit) for request, emit in asked if _is_sound(request, emit)]
        with self._lock:
            refused = self._stopped
            if not refused:
                for request, emit in sound:
                    self._ledger.add(request, emit)
                self._admit()
        if refused:
            for request, emit in sound:
                emit(Failed.of(request.request_id, engine_stopped()))

    def cancel(self, request_id: str) -> None:
        """End a request before its next token. Unknown ids are ignored: it may have just ended."""
        with self._lock:
            endings = self._ledger.cancel(request_id)
            self._supervisor.send(Cancel(request_id))
        _emit(endings)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Tell that `tokens` more of a request's tokens were taken; far behind, it is parked."""
        with self._lock:
            taken = self._ledger.take(request_id, tokens)
        if taken:
            self._supervisor.send(Acknowledge(request_id, taken))

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
        self._calls.close()
        self._supervisor.close()

    # ---- what the supervisor tells, on its thread

    def heard(self, report: Report) -> None:
        """Pass on what the child says."""
        if isinstance(report, Ready):
            self._resume()
        elif isinstance(report, Preparing):
            self._calls.begin(report)
        elif isinstance(report, Prepared | Embedded | Refused):
            self._calls.answer(report)
        elif isinstance(report, Said):
            self._pass_on(report.events)

    def crashed(self) -> None:
        """Keep what can go on for the next child."""
        with self._lock:
            endings = self._ledger.crash()
        self._calls.crash()
        _emit(endings)

    def gone(self) -> None:
        """End everything that is left."""
        with self._lock:
            self._stopped = True
            dropped = self._ledger.drop_all()
        self._calls.close()
        for live in dropped:
            live.emit(Failed.of(live.request.request_id, engine_stopped()))

    def _pass_on(self, events: Sequence[EngineEvent]) -> None:
        with self._lock:
            heard = [(self._ledger.note(event), event) for event in events]
            self._admit()
        for emit, event in heard:
            if emit is not None:
                emit(event)

    def _resume(self) -> None:
        self._calls.resume()
        with self._lock:
            self._ledger.open()
            self._admit()

    def _admit(self) -> None:
        """Under the lock."""
        if admitted := self._ledger.admit():
            self._supervisor.send(Submit(admitted))

    def _ask(self, command: Call, doing: str, timeout_s: float) -> Any:
        check_form(command)
        return self._calls.ask(command, doing, timeout_s)


def _is_sound(request: GenerationRequest, emit: Emit) -> bool:
    """Whether a request may be sent; one that may not fails."""
    try:
        check_form(request)
    except InferenceError as error:
        emit(Failed.of(request.request_id, error))
        return False
    return True


def _emit(endings: list[Ending]) -> None:
    for emit, event in endings:
        emit(event)

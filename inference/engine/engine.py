"""Continuous batching: one loop that admits, decodes, samples and emits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from inference.backends.base import Backend, DecodeError
from inference.config import EngineConfig
from inference.engine.batch import Work, build_rows
from inference.engine.kv_cache import KVCache
from inference.engine.output import INVALID_OUTPUT
from inference.engine.scheduler import Scheduler
from inference.engine.sequence import Emit, Sequence
from inference.engine.validation import check_request
from inference.types import (
    Delta,
    Failed,
    Finished,
    FinishReason,
    Gauges,
    GenerationRequest,
    InferenceError,
    Started,
)

Phase = Literal["idle", "prefilling", "stepping"]

IDLE_WAIT_S = 0.1
STEP_MEMORY = 0.9


class Engine:
    """Runs requests on a backend's streams. Every submit ends in exactly one `Finished` or `Failed`.

    `submit`, `cancel`, `acknowledge` and `gauges` may be called from any thread; they leave a note that the
    loop reads before its next step. `step`, `run` and `close` belong to one thread, which alone touches the
    backend and calls every `emit`; an `emit` must not block or raise. A request that ends before it gets a
    slot (refused, cancelled, expired, or complete by replay) has no `Started`.
    """

    def __init__(
        self,
        backend: Backend,
        config: EngineConfig,
        *,
        flow_control: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.phase: Phase = "idle"
        self._backend = backend
        self._clock = clock
        self._kv = KVCache(config.slots, backend.keep)
        self._scheduler = Scheduler(
            n_batch=backend.n_batch, step_ms=config.step_ms, flow_control=flow_control
        )
        self._live: dict[str, Sequence] = {}
        self._notes: deque[Callable[[], None]] = deque()
        self._noted = threading.Condition()
        self._closed = False
        self._gauges = Gauges()

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Queue a request. A refused one gets a single `Failed`, from the loop like every other event."""
        arrived_at = self._clock()
        if not self._note(lambda: self._accept(request, emit, arrived_at)):
            emit(_stopped(request.request_id))

    def cancel(self, request_id: str) -> None:
        """End a request before its next token, as `cancelled`. Unknown ids are ignored: it may have ended."""
        self._note(lambda: self._cancel(request_id))

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Tell that a reader has taken `tokens` more tokens. Matters only under flow control."""
        self._note(lambda: self._acknowledge(request_id, tokens))

    def gauges(self) -> Gauges:
        """How busy the engine was after its latest step."""
        return self._gauges

    def step(self) -> bool:
        """Admit, decode, sample and emit once. False when there was nothing to do."""
        self.phase = "prefilling" if self._notes else "idle"  # to compile a grammar may take too long
        changed = self._read_notes() | self._expire()
        self._admit()
        plan = self._scheduler.plan()
        if plan:
            self.phase = "prefilling" if any(work.size > 1 for work in plan) else "stepping"
            started_at = self._clock()
            self._run(plan)
            elapsed_ms = (self._clock() - started_at) * 1000
            self._scheduler.observe(plan, elapsed_ms)
            self._measure(elapsed_ms)
        elif changed:
            self._measure(None)
        self.phase = "idle"
        return bool(plan) or changed

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set, sleeping while there is nothing to do."""
        while not stop.is_set():
            if not self.step():
                with self._noted:
                    self._noted.wait_for(lambda: bool(self._notes), timeout=IDLE_WAIT_S)

    def close(self) -> None:
        """Fail what is left as retryable and free the backend. Later submits are refused at once."""
        with self._noted:
            self._closed = True
        self._read_notes()
        for sequence in list(self._live.values()):
            self._retire(sequence)
            sequence.emit(_stopped(sequence.request_id))
        self._backend.close()

    def _note(self, note: Callable[[], None]) -> bool:
        with self._noted:
            if not self._closed:
                self._notes.append(note)
                self._noted.notify()
            return not self._closed

    def _read_notes(self) -> bool:
        any_note = bool(self._notes)
        while self._notes:
            self._notes.popleft()()
        return any_note

    def _accept(self, request: GenerationRequest, emit: Emit, arrived_at: float) -> None:
        try:
            check_request(request, n_ctx=self._backend.n_ctx, n_vocab=self._backend.n_vocab)
            if request.request_id in self._live:
                raise InferenceError("duplicate_request", "A request with this id is already running.")
            sequence = Sequence(request, emit, self._backend, arrived_at)
        except InferenceError as error:
            emit(Failed(request_id=request.request_id, code=error.code, message=error.message))
            return
        self._live[request.request_id] = sequence
        self._scheduler.add(sequence)
        if sequence.finish_reason:
            self._finish(sequence, sequence.finish_reason)

    def _cancel(self, request_id: str) -> None:
        if sequence := self._live.get(request_id):
            self._finish(sequence, "cancelled")

    def _acknowledge(self, request_id: str, tokens: int) -> None:
        if sequence := self._live.get(request_id):
            sequence.unacknowledged = max(0, sequence.unacknowledged - max(0, tokens))

    def _expire(self) -> bool:
        now = self._clock()
        expired = [sequence for sequence in self._live.values() if now >= sequence.deadline]
        for sequence in expired:
            self._finish(sequence, "timeout")
        return bool(expired)

    def _admit(self) -> None:
        while (sequence := self._scheduler.next_waiting()) and (stream := self._kv.seat(sequence.ids)):
            self._scheduler.start(sequence)
            prompt_tokens = len(sequence.request.prompt_ids)
            sequence.stream = stream
            sequence.started_at = self._clock()
            sequence.cached_tokens = min(len(stream.tokens), prompt_tokens)
            sequence.emit(
                Started(
                    request_id=sequence.request_id,
                    prompt_tokens=prompt_tokens,
                    cached_tokens=sequence.cached_tokens,
                )
            )

    def _run(self, plan: list[Work]) -> None:
        """Compute the plan, or, when the runtime refuses it, piece by piece: only the offender fails."""
        plan = sorted(plan, key=lambda work: work.sequence.stream.index)
        rows, last_rows = build_rows(plan)
        try:
            self._backend.decode(rows)
        except DecodeError:
            self._recover(plan)
            return
        for row in rows:
            self._kv.streams[row.stream].tokens.append(row.token_id)
        for work, last in zip(plan, last_rows, strict=True):
            if rows[last].wants_logits:
                self._sample(work.sequence, last)

    def _recover(self, plan: list[Work]) -> None:
        for work in plan:
            stream = work.sequence.stream
            computed = len(stream.tokens)
            if self._kv.truncate(stream, computed) == computed and len(plan) > 1:
                self._run([work])
            else:
                self._kv.truncate(stream, 0)
                message = "The model could not compute this reply. Try again."
                self._fail(work.sequence, InferenceError("engine_error", message, retryable=True))

    def _sample(self, sequence: Sequence, row: int) -> None:
        try:
            token_id = self._backend.sample(row, sequence.sampler, sequence.completion_tokens)
        except InferenceError as error:
            self._fail(sequence, error)
            return
        params = sequence.params
        logprobs = [self._backend.logprobs(row, token_id, params.top_logprobs)] if params.logprobs else []
        if sequence.first_token_at is None:
            sequence.first_token_at = self._clock()
        text = sequence.advance(token_id)
        delta = Delta(request_id=sequence.request_id, token_ids=[token_id], text=text, logprobs=logprobs)
        if released := sequence.output.push(delta):
            sequence.unacknowledged += 1
            sequence.emit(released)
        if sequence.finish_reason:
            self._conclude(sequence, sequence.finish_reason)

    def _conclude(self, sequence: Sequence, reason: FinishReason) -> None:
        """Finish; or, when a reply that was held back is not valid, try again on the same prompt."""
        if sequence.output.holds:
            if whole := sequence.release():
                sequence.emit(whole)
            elif sequence.restart():
                self._kv.truncate(sequence.stream, len(sequence.ids) - 1)
                return
            else:
                self._fail(sequence, INVALID_OUTPUT)
                return
        self._finish(sequence, reason)

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        self._retire(sequence)
        sequence.emit(
            Finished(
                request_id=sequence.request_id,
                finish_reason=reason,
                usage=sequence.usage(),
                timings=sequence.timings(self._clock()),
                text=sequence.flush(),
            )
        )

    def _fail(self, sequence: Sequence, error: InferenceError) -> None:
        self._retire(sequence)
        sequence.emit(
            Failed(
                request_id=sequence.request_id,
                code=error.code,
                message=error.message,
                retryable=error.retryable,
            )
        )

    def _retire(self, sequence: Sequence) -> None:
        del self._live[sequence.request_id]
        self._scheduler.remove(sequence)
        if sequence.seated:
            self._kv.release(sequence.stream)
        sequence.sampler.close()

    def _measure(self, step_ms: float | None) -> None:
        old = self._gauges
        mean = old.mean_step_ms
        if step_ms is not None:
            mean = STEP_MEMORY * mean + (1 - STEP_MEMORY) * step_ms if old.steps else step_ms
        self._gauges = Gauges(
            slots_busy=self._kv.busy,
            queued=self._scheduler.queued,
            kv_tokens=self._kv.used,
            steps=old.steps + (step_ms is not None),
            mean_step_ms=mean,
        )


def _stopped(request_id: str) -> Failed:
    message = "The engine is stopping. The reply will continue elsewhere."
    return Failed(request_id=request_id, code="engine_stopped", message=message, retryable=True)

"""Continuous batching: one loop that admits, decodes, samples and emits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from inference.backends.base import Backend, Interrupted
from inference.config import EngineConfig
from inference.engine.admission import Admission
from inference.engine.batch import Plan
from inference.engine.context_shift import make_room
from inference.engine.costs import Costs
from inference.engine.embedding import EmbeddingJob, EmbeddingQueue
from inference.engine.executor import Executor
from inference.engine.host_store import HostStore
from inference.engine.kv_cache import KVCache, Seating
from inference.engine.lookup import PromptLookup, guess_length
from inference.engine.meter import Meter
from inference.engine.output import INVALID_OUTPUT
from inference.engine.reporter import Reporter
from inference.engine.scheduler import Scheduler
from inference.engine.sequence import Sequence
from inference.engine.validation import check_request
from inference.telemetry import Listener, Outcome
from inference.types.engines import Gauges
from inference.types.errors import STOPPED, InferenceError, engine_stopped
from inference.types.events import Delta, Emit, Failed, Finished, FinishReason, Started, Timings
from inference.types.requests import GenerationRequest

Phase = Literal["idle", "prefilling", "stepping", "embedding"]

IDLE_WAIT_S = 0.1

STOPPING = InferenceError(STOPPED, "The engine is stopping. Try again.", retryable=True)


class Engine:
    """Runs requests on a backend's streams. Every submit ends in exactly one `Finished` or `Failed`.

    `submit`, `embed`, `cancel`, `acknowledge` and `gauges` may be called from any thread; they leave a note
    that the loop reads before its next step. `step`, `run` and `close` belong to one thread, which alone
    touches the backend and calls every `emit`; an `emit` must not block or raise. A request that ends before
    it gets a slot (refused, cancelled, expired, or complete by replay) has no `Started`.
    """

    def __init__(
        self,
        backend: Backend,
        config: EngineConfig,
        *,
        flow_control: bool = False,
        clock: Callable[[], float] = time.monotonic,
        listener: Listener | None = None,
    ) -> None:
        self.phase: Phase = "idle"
        self._backend = backend
        self._clock = clock
        self._costs = Costs(backend.n_ctx)
        store = HostStore(config.retained_bytes, config.retained_per_key)
        self._kv = KVCache(backend, slots=config.slots, store=store, costs=self._costs, clock=clock)
        length = guess_length(config.prompt_lookup, backend.device) if backend.can_draft else 0
        lookup = self._lookup = PromptLookup(length=length, n_ctx=backend.n_ctx)
        self._executor = Executor(backend, self._kv, lookup)
        self._scheduler = Scheduler(
            n_batch=backend.n_batch,
            tile=backend.tile,
            step_ms=config.step_ms,
            flow_control=flow_control,
            batch_pauses=config.pauses_batch,
            batch_share=config.batch_share,
        )
        self._reporter = Reporter(listener, store)
        self._admission = Admission(self._kv, self._costs, self._scheduler, self._reporter)
        self._embeddings = EmbeddingQueue(backend, slice_ms=config.step_ms / 2, clock=clock)
        self._meter = Meter(self._kv, self._scheduler, lookup, self._embeddings)
        self._live: dict[str, Sequence] = {}
        self._notes: deque[Callable[[], None]] = deque()
        self._noted = threading.Condition()
        self._closed = False

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Queue a request. A refused one gets a single `Failed`, from the loop like every other event."""
        arrived_at = self._clock()
        is_urgent = request.priority == "interactive"
        if not self._note(lambda: self._accept(request, emit, arrived_at), urgent=is_urgent):
            emit(Failed.of(request.request_id, engine_stopped()))

    def embed(self, job: EmbeddingJob) -> None:
        """Compute a job's vectors beside the requests that run, a slice between two steps."""
        if not self._note(lambda: self._embeddings.add(job)):
            job.fail(STOPPING)

    def cancel(self, request_id: str) -> None:
        """End a request before its next token, as `cancelled`. Unknown ids are ignored: it may have ended."""
        self._note(lambda: self._cancel(request_id), urgent=True)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Tell that a reader has taken `tokens` more tokens. Matters only under flow control."""
        self._note(lambda: self._acknowledge(request_id, tokens))

    def gauges(self) -> Gauges:
        """How busy the engine was after its latest step."""
        return self._meter.gauges

    def step(self) -> bool:
        """Admit, decode, sample and emit once. False when there was nothing to do."""
        self.phase = "prefilling"  # a grammar may have to be compiled, a prefix restored
        changed = self._read_notes() | self._expire()
        make_room(self._live.values(), self._kv, self._reporter)
        for sequence, seating in self._admission.admit():
            self._start(sequence, seating)
        plan = self._scheduler.plan()
        if plan.works:
            self._compute(plan)
        elif changed:
            self._meter.refresh()
        embedded = self._embed()
        self.phase = "idle"
        return bool(plan.works) or changed or embedded

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
            self._retire(sequence, "error")
            sequence.emit(Failed.of(sequence.request_id, engine_stopped()))
        self._embeddings.close(STOPPING)
        self._backend.close()

    def _note(self, note: Callable[[], None], *, urgent: bool = False) -> bool:
        with self._noted:
            if not self._closed:
                self._notes.append(note)
                self._noted.notify()
                if urgent:
                    self._backend.interruption.call()
            return not self._closed

    def _read_notes(self) -> bool:
        self._backend.interruption.clear()
        any_note = bool(self._notes)
        while self._notes:
            self._notes.popleft()()
        return any_note

    def _accept(self, request: GenerationRequest, emit: Emit, arrived_at: float) -> None:
        try:
            if not self._backend.can_generate:
                raise InferenceError("embeddings_only", "This model makes embeddings, and writes no replies.")
            check_request(request, n_ctx=self._backend.n_ctx, n_vocab=self._backend.n_vocab)
            if request.adapter is not None:
                self._backend.load_adapter(request.adapter)
            if request.request_id in self._live:
                raise InferenceError("duplicate_request", "A request with this id is already running.")
            sequence = Sequence(request, emit, self._backend, arrived_at)
        except InferenceError as error:
            emit(Failed.of(request.request_id, error))
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

    def _start(self, sequence: Sequence, seating: Seating) -> None:
        """Tell that a sequence has a seat; the request hears of its first one only."""
        self._reporter.seated(sequence, seating)
        if sequence.started_at is not None:
            return
        sequence.started_at = self._clock()
        self._reporter.started(sequence, (sequence.started_at - sequence.arrived_at) * 1000)
        prompt_tokens = len(sequence.request.prompt_ids)
        sequence.cached_tokens = min(len(seating.stream.tokens), prompt_tokens)
        sequence.emit(
            Started(
                request_id=sequence.request_id,
                prompt_tokens=prompt_tokens,
                cached_tokens=sequence.cached_tokens,
            )
        )

    def _compute(self, plan: Plan) -> None:
        prefills = any(work.size > 1 for work in plan.works)
        self.phase = "prefilling" if prefills else "stepping"
        started_at, drafted_before, chat_tokens = self._clock(), self._lookup.drafted, 0
        try:
            for sequence, row in self._executor.run(plan):
                chat_tokens += not sequence.is_batch
                self._go_on(sequence, row)
        except Interrupted:
            self._scheduler.interrupted()
        else:
            elapsed_ms = (self._clock() - started_at) * 1000
            drafted = self._lookup.drafted - drafted_before
            self._learn(plan, elapsed_ms, drafted=drafted, chat_tokens=chat_tokens)
        self._meter.count_step((self._clock() - started_at) * 1000)

    def _learn(self, plan: Plan, elapsed_ms: float, *, drafted: int, chat_tokens: int) -> None:
        self._scheduler.observe(plan, elapsed_ms, chat_tokens=chat_tokens)
        self._lookup.time(plan.works, drafted=drafted, elapsed_ms=elapsed_ms)
        if all(work.size > 1 for work in plan.works):
            self._costs.saw_prefill(sum(work.size for work in plan.works), elapsed_ms)

    def _go_on(self, sequence: Sequence, row: int | None) -> None:
        if row is None:
            message = "The model could not compute this reply. Try again."
            self._fail(sequence, InferenceError("engine_error", message, retryable=True))
        else:
            self._sample(sequence, row)

    def _embed(self) -> bool:
        """Compute a slice of what is to be embedded; False when there is nothing."""
        if not self._embeddings.is_busy:
            return False
        self.phase = "embedding"
        self._embeddings.step()
        self._meter.refresh()
        return True

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
            self._reporter.first_token(sequence, (sequence.first_token_at - sequence.arrived_at) * 1000)
            if sequence.output.holds:
                sequence.emit(Delta(request_id=sequence.request_id, token_ids=[], text=""))
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
                self._kv.rewind(sequence.stream, sequence.ids)
                return
            else:
                self._fail(sequence, INVALID_OUTPUT)
                return
        self._finish(sequence, reason)

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        timings = self._retire(sequence, reason)
        sequence.emit(
            Finished(
                request_id=sequence.request_id,
                finish_reason=reason,
                usage=sequence.usage(),
                timings=timings,
                text=sequence.flush(),
            )
        )

    def _fail(self, sequence: Sequence, error: InferenceError) -> None:
        self._retire(sequence, "error")
        sequence.emit(Failed.of(sequence.request_id, error))

    def _retire(self, sequence: Sequence, outcome: Outcome) -> Timings:
        del self._live[sequence.request_id]
        self._scheduler.remove(sequence)
        if sequence.seated:
            self._kv.release(sequence.unseat())
        sequence.sampler.close()
        timings = sequence.timings(self._clock())
        self._reporter.completed(sequence, outcome, timings)
        return timings

"""Continuous batching: one loop that admits, decodes, samples and emits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Literal

from inference.backends.base import Backend, Interrupted
from inference.config import EngineConfig
from inference.engine.admission import Admission
from inference.engine.alarm import alarm
from inference.engine.batch import Plan
from inference.engine.context_shift import make_room
from inference.engine.costs import Costs
from inference.engine.embedding import EmbeddingJob, EmbeddingQueue
from inference.engine.executor import Executor
from inference.engine.host_store import HostStore
from inference.engine.inbox import Inbox
from inference.engine.kv_cache import KVCache
from inference.engine.live import LiveSequences
from inference.engine.lookup import PromptLookup, guess_length
from inference.engine.meter import Meter
from inference.engine.reporter import Reporter
from inference.engine.scheduler import Scheduler
from inference.telemetry import Listener
from inference.types.engines import Gauges
from inference.types.errors import STOPPED, InferenceError, engine_stopped
from inference.types.events import Emit, Failed
from inference.types.requests import GenerationRequest

Phase = Literal["idle", "prefilling", "stepping", "embedding"]

IDLE_WAIT_S = 1.0

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
        self._live = LiveSequences(backend, self._kv, self._scheduler, self._reporter, clock)
        self._inbox = Inbox(backend.interruption)

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Queue a request. A refused one gets a single `Failed`, from the loop like every other event."""
        arrived_at = self._clock()
        is_urgent = request.priority == "interactive"
        if not self._inbox.put(lambda: self._live.accept(request, emit, arrived_at), urgent=is_urgent):
            emit(Failed.of(request.request_id, engine_stopped()))

    def embed(self, job: EmbeddingJob) -> None:
        """Compute a job's vectors beside the requests that run, a slice between two steps."""
        if not self._inbox.put(lambda: self._embeddings.add(job)):
            job.fail(STOPPING)

    def cancel(self, request_id: str) -> None:
        """End a request before its next token, as `cancelled`. Unknown ids are ignored: it may have ended."""
        self._inbox.put(lambda: self._live.cancel(request_id), urgent=True)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Tell that a reader has taken `tokens` more tokens. Matters only under flow control."""
        self._inbox.put(lambda: self._live.acknowledge(request_id, tokens))

    def gauges(self) -> Gauges:
        """How busy the engine was after its latest step."""
        return self._meter.gauges

    def step(self) -> bool:
        """Admit, decode, sample and emit once. False when there was nothing to do."""
        self.phase = "prefilling"  # a grammar may have to be compiled, a prefix restored
        changed = self._inbox.read() | self._live.expire()
        make_room(self._live.by_id.values(), self._kv, self._reporter)
        for sequence, seating in self._admission.admit():
            self._live.start(sequence, seating)
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
                self._inbox.wait(min(IDLE_WAIT_S, self._live.seconds_left()))

    def wake(self) -> None:
        """Let the loop see at once that it is to stop."""
        self._inbox.put(lambda: None)

    def close(self) -> None:
        """Fail what is left as retryable and free the backend. Later submits are refused at once."""
        self._inbox.close()
        self._live.stop()
        self._embeddings.close(STOPPING)
        self._backend.close()

    def _compute(self, plan: Plan) -> None:
        prefills = any(work.size > 1 for work in plan.works)
        self.phase = "prefilling" if prefills else "stepping"
        with alarm(self._backend.interruption, self._live.seconds_left() if plan.yields else inf):
            self._carry_out(plan)

    def _carry_out(self, plan: Plan) -> None:
        started_at, drafted_before, chat_tokens = self._clock(), self._lookup.drafted, 0
        try:
            for sequence, row in self._executor.run(plan):
                chat_tokens += not sequence.is_batch
                self._live.go_on(sequence, row)
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

    def _embed(self) -> bool:
        """Compute a slice of what is to be embedded; False when there is nothing."""
        if not self._embeddings.is_busy:
            return False
        self.phase = "embedding"
        self._embeddings.step()
        self._meter.refresh()
        return True

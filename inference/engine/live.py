"""The life of each request: it is taken in, gets its seat, says token after token, and ends once."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from inference.backends.base import Backend
from inference.engine.kv_cache import KVCache, Seating
from inference.engine.output import INVALID_OUTPUT
from inference.engine.reporter import Reporter
from inference.engine.scheduler import Scheduler
from inference.engine.sequence import Sequence
from inference.engine.validation import check_request
from inference.telemetry import Outcome
from inference.types.errors import InferenceError, engine_stopped
from inference.types.events import Delta, Emit, Failed, Finished, FinishReason, Started, Timings
from inference.types.requests import GenerationRequest


class LiveSequences:
    """Everybody who has not ended, and what their readers hear of them. The engine's loop thread only."""

    def __init__(
        self,
        backend: Backend,
        kv: KVCache,
        scheduler: Scheduler,
        reporter: Reporter,
        clock: Callable[[], float],
    ) -> None:
        self.by_id: dict[str, Sequence] = {}
        self._backend = backend
        self._kv = kv
        self._scheduler = scheduler
        self._reporter = reporter
        self._clock = clock

    def accept(self, request: GenerationRequest, emit: Emit, arrived_at: float) -> None:
        """Queue a request, or refuse it with a `Failed`."""
        try:
            if not self._backend.can_generate:
                raise InferenceError("embeddings_only", "This model makes embeddings, and writes no replies.")
            check_request(request, n_ctx=self._backend.n_ctx, n_vocab=self._backend.n_vocab)
            if request.adapter is not None:
                self._backend.load_adapter(request.adapter)
            if request.request_id in self.by_id:
                raise InferenceError("duplicate_request", "A request with this id is already running.")
            sequence = Sequence(request, emit, self._backend, arrived_at)
        except InferenceError as error:
            emit(Failed.of(request.request_id, error))
            return
        self.by_id[request.request_id] = sequence
        self._scheduler.add(sequence)
        if sequence.finish_reason:
            self._finish(sequence, sequence.finish_reason)

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """A reader has taken so many tokens."""
        if sequence := self.by_id.get(request_id):
            sequence.unacknowledged = max(0, sequence.unacknowledged - max(0, tokens))

    def start(self, sequence: Sequence, seating: Seating) -> None:
        """A sequence has a seat; its reader hears of the first one only."""
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

    def go_on(self, sequence: Sequence, row: int | None) -> None:
        """Draw the next token from a row of the last batch; without one it could not be computed."""
        if row is None:
            message = "The model could not compute this reply. Try again."
            self._fail(sequence, InferenceError("engine_error", message, retryable=True))
            return
        try:
            token_id = self._backend.sample(row, sequence.sampler, sequence.completion_tokens)
        except InferenceError as error:
            self._fail(sequence, error)
            return
        self._say(sequence, row, token_id)
        if sequence.finish_reason:
            self._conclude(sequence, sequence.finish_reason)

    def cancel(self, request_id: str) -> None:
        """End a request, if it has not ended."""
        if sequence := self.by_id.get(request_id):
            self._cut_off(sequence, "cancelled")

    def expire(self) -> bool:
        """End those whose time is over; False when there are none."""
        now = self._clock()
        expired = [sequence for sequence in self.by_id.values() if now >= sequence.deadline]
        for sequence in expired:
            self._cut_off(sequence, "timeout")
        return bool(expired)

    def seconds_left(self) -> float:
        """How long until the next one's time is over."""
        return min((each.deadline for each in self.by_id.values()), default=inf) - self._clock()

    def stop(self) -> None:
        """End everybody, to be continued elsewhere."""
        for sequence in list(self.by_id.values()):
            self._fail(sequence, engine_stopped())

    def _say(self, sequence: Sequence, row: int, token_id: int) -> None:
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

    def _cut_off(self, sequence: Sequence, reason: FinishReason) -> None:
        """Finish before the end, with what was held back where that may be partial."""
        if sequence.output.may_be_cut and (said := sequence.release()):
            sequence.emit(said)
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
        del self.by_id[sequence.request_id]
        self._scheduler.remove(sequence)
        if sequence.seated:
            stream = sequence.unseat()
            if sequence.request.gathers:  # nobody goes on after what it said: that is not worth saving
                self._kv.truncate(stream, len(sequence.request.prompt_ids))
            self._kv.release(stream)
        sequence.sampler.close()
        timings = sequence.timings(self._clock())
        self._reporter.completed(sequence, outcome, timings)
        return timings

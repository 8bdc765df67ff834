"""One request inside the engine: what is in its context, what it has said, and whether it is over."""

from __future__ import annotations

from inference.backends.base import Backend
from inference.engine.detokenizer import Detokenizer
from inference.engine.kv_cache import Stream
from inference.engine.ngrams import Ngrams
from inference.engine.output import Output
from inference.engine.trust import Trust
from inference.types.errors import InferenceError
from inference.types.events import Delta, Emit, FinishReason, Timings, Usage
from inference.types.requests import GenerationRequest
from inference.types.sampling import with_seed

ACKNOWLEDGE_WINDOW = 256
"""Tokens a sequence may be ahead of its reader before it is parked."""

UNSEATED = -1

MOST_KEPT = 0.75
"""The share of a window that a context shift may keep: with more it would come round every few tokens."""


class Sequence:
    """The state of one request. `ids` is prompt and reply so far, without the `discarded` tokens that context
    shifts took out; times are seconds of the engine's clock.

    An end token is part of the reply's ids, with no text, so that a replay of the ids ends where the first
    attempt did. A resumed reply is replayed at once: `finish_reason` may be set before anything is computed.
    """

    def __init__(self, request: GenerationRequest, emit: Emit, backend: Backend, now: float) -> None:
        self.request = request
        self.emit = emit
        self.params = with_seed(request.sampling)
        self.ids = list(request.prompt_ids)
        self.is_batch = request.priority == "batch"
        self.stream = Stream(UNSEATED)
        self.ngrams = Ngrams()
        self.trust = Trust()
        self.finish_reason: FinishReason | None = None
        self.discarded = 0
        self.cached_tokens = 0
        self.unacknowledged = 0
        self.arrived_at = now
        self.deadline = now + request.time_limit_ms / 1000
        self.started_at: float | None = None
        self.first_token_at: float | None = None
        self._backend = backend
        self._detokenizer = Detokenizer(self.params.stop)
        self._unread = ""
        self._already_released = 0
        resumed = request.resume is not None and bool(request.resume.token_ids)
        self.output = Output(self.params.response_format, resumed=resumed)
        self.sampler = backend.make_sampler(self.params, request.prompt_ids)
        if request.resume is not None:
            self._replay(request.resume.token_ids, len(request.resume.text))

    @property
    def request_id(self) -> str:
        """The request's own id."""
        return self.request.request_id

    @property
    def completion_tokens(self) -> int:
        """Length of the reply in tokens; the position of the next draw."""
        return len(self.ids) + self.discarded - len(self.request.prompt_ids)

    @property
    def is_full(self) -> bool:
        """Whether the window has no room for another token."""
        return len(self.ids) >= self._backend.n_ctx

    @property
    def can_shift(self) -> bool:
        """Whether it goes on when the window is full."""
        shift = self.request.shift
        return shift is not None and self._backend.can_shift and shift.keep <= MOST_KEPT * self._backend.n_ctx

    @property
    def seated(self) -> bool:
        """Whether it has a stream of the KV cache."""
        return self.stream.index != UNSEATED

    def unseat(self) -> Stream:
        """Give the stream back."""
        stream, self.stream = self.stream, Stream(UNSEATED)
        return stream

    @property
    def pending(self) -> int:
        """Ids not yet in the KV cache: 1 while decoding, more while prefilling."""
        return len(self.ids) - len(self.stream.tokens)

    @property
    def lagging(self) -> bool:
        """Whether the reader is too far behind for another token."""
        return self.unacknowledged > ACKNOWLEDGE_WINDOW

    def advance(self, token_id: int) -> str:
        """Append a token; returns the text it releases and sets `finish_reason` when it is the last one."""
        self.ids.append(token_id)
        ended = self._backend.is_end(token_id) or token_id in self.params.stop_token_ids
        text = "" if ended else self._detokenizer.push(self._bytes(token_id))
        if ended or self._detokenizer.stopped:
            self.finish_reason = "stop"
        elif self.completion_tokens >= self.params.max_tokens or (self.is_full and not self.can_shift):
            self.finish_reason = "length"
        return self._new(text)

    def shift(self) -> tuple[int, int]:
        """Make room in a full window: take ids out. Where the first was, and how many. Depends on the ids
        alone, so that a resumed reply has the window that an uninterrupted one would have.
        """
        shift = self.request.shift
        if shift is None:
            raise ValueError("this reply ends where its window does")
        rest = len(self.ids) - shift.keep
        count = max(rest // 2, rest - max(1, shift.retain))
        del self.ids[shift.keep : shift.keep + count]
        self.discarded += count
        self.ngrams = Ngrams()
        return shift.keep, count

    def _bytes(self, token_id: int) -> bytes:
        is_spelled = token_id in self.params.spelled_ids
        return self._backend.spelling(token_id) if is_spelled else self._backend.piece(token_id)

    def flush(self) -> str:
        """The text still held back, for the terminal event."""
        return "" if self.output.holds else self._new(self._detokenizer.flush())

    def release(self) -> Delta | None:
        """The reply, at its end, when it was held back and turned out valid, or may be partial."""
        is_cut = self.finish_reason != "stop"
        return self.output.release(self._new(self._detokenizer.flush()), is_cut=is_cut)

    def restart(self) -> bool:
        """Forget an invalid reply and begin another one; False when there were enough."""
        params = self.output.try_again(self.params)
        if params is None:
            return False
        self.params = params
        self.sampler.close()
        self.sampler = self._backend.make_sampler(params, self.request.prompt_ids)
        self._detokenizer = Detokenizer(params.stop)
        self.finish_reason = None
        self.ids, self.discarded = list(self.request.prompt_ids), 0
        return True

    def usage(self) -> Usage:
        """Token counts so far."""
        return Usage(
            prompt_tokens=len(self.request.prompt_ids),
            cached_tokens=self.cached_tokens,
            completion_tokens=self.completion_tokens,
            discarded_tokens=self.discarded,
        )

    def timings(self, now: float) -> Timings:
        """Where this attempt's time went, up to `now`."""
        started = now if self.started_at is None else self.started_at
        first = now if self.first_token_at is None else self.first_token_at
        return Timings(
            wait_ms=(started - self.arrived_at) * 1000,
            prefill_ms=(first - started) * 1000,
            decode_ms=(now - first) * 1000,
        )

    def _replay(self, token_ids: list[int], released: int) -> None:
        self._already_released = released
        for token_id in token_ids:
            if self.finish_reason:
                break
            if self.is_full:
                self.shift()
            self._accept(token_id)
            self._unread = self.advance(token_id)

    def _accept(self, token_id: int) -> None:
        try:
            self.sampler.accept(token_id)
        except InferenceError:
            self.sampler.close()
            raise

    def _new(self, text: str) -> str:
        """`text` without what earlier attempts released, after what the replay left unread."""
        skipped = min(self._already_released, len(text))
        self._already_released -= skipped
        text, self._unread = self._unread + text[skipped:], ""
        return text

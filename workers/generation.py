"""One attempt of one generation: from its claim until its end is committed."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import msgspec

from chat.log_context import logged_as
from chat.realtime.protocol import TokenLogprob
from chat.services.adapters import adapter_of
from chat.services.generations import (
    ClaimedGeneration,
    Outcome,
    OutcomeError,
    Progress,
    freeze_prompt,
    logprob_views,
)
from chat.services.options import policy_from, sampling_from, shift_from, tools_from
from inference.counting import guess_tokens
from inference.interface import Engine
from inference.process.client import STOPPED
from inference.types import (
    DEFAULT_RESPONSE_MS,
    Adapter,
    Delta,
    EngineEvent,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    InferenceError,
    PreparedPrompt,
    Resume,
    Started,
    Timings,
    Usage,
    with_seed,
)
from workers.database import OUTAGE, reconnect
from workers.showing import Showing

logger = logging.getLogger(__name__)

RETRY_S = 0.2
OF_ONE_VOCABULARY: dict[str, Any] = {"logit_bias": {}, "stop_token_ids": [], "shift_keep": None}
"""Options that name or count tokens mean others in another model."""
BROKEN = Failed(request_id="", code="internal_error", message="Something went wrong here. Please try again.")
OTHER_RULES = Failed(
    request_id="",
    code="content_rules_changed",
    message="This reply does not go together with the content rules any more. Please try again.",
    retryable=True,
)


class GenerationRun:
    """Collects what the engine says until the flusher has committed it. `when_over` hears of the end once.

    The engine's thread calls `receive`, the thread that claimed calls `start` and `wait`, and the flusher
    everything else. A draft stays the same until it is committed, so that it can be told whether an
    interrupted commit arrived.
    """

    def __init__(
        self,
        claimed: ClaimedGeneration,
        wake: Callable[[], None],
        when_over: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = claimed.id
        self.attempt = claimed.attempt
        self.request_id = f"{claimed.id}:{claimed.attempt}"
        self.is_handed_back = False
        self._claimed = claimed
        self._engine: Engine | None = None
        self._adapter: Adapter | None = None
        self._digest = ""
        self._wake = wake
        self._when_over = when_over
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._showing = Showing(())
        self._cached_tokens = 0
        self._pending: list[EngineEvent] = []
        self._draft: Progress | None = None
        self._drafted = 0
        self._seq = claimed.next_seq
        self._earlier_tokens = len(claimed.resume_ids) or guess_tokens(claimed.resume_text)
        self._tokens = self._earlier_tokens
        self._claimed_at = time.monotonic()
        self._first_token_at: float | None = None
        self._ended_at = 0.0

    def __str__(self) -> str:
        return f"generation {self.id} attempt {self.attempt}"

    def logged(self) -> AbstractContextManager[None]:
        """Lines of the log that are written inside have its ids."""
        return logged_as(generation_id=self.id, attempt=self.attempt)

    # ---- the thread that claimed

    def start(self, engine: Engine, digest: str) -> None:
        """Prepare and submit. What goes wrong becomes the generation's end, through the flusher."""
        with self._lock:
            if self._has_ended:
                return
            self._engine = engine
        try:
            self._adapter = adapter_of(model=self._claimed.model, options=self._claimed.options)
            self._digest = identity_of(digest, self._adapter)
            request = self._make_request(engine)
            with self._lock:
                if request is not None and not self._closed.is_set():
                    engine.submit(request, self.receive)
        except InferenceError as error:
            self.refuse(error)
        except Exception:
            logger.exception("%s cannot start", self)
            self.receive(BROKEN)

    def refuse(self, error: InferenceError) -> None:
        """End as failed: there is no engine for it, or the engine does not take it."""
        self.receive(
            Failed(
                request_id=self.request_id,
                code=error.code,
                message=error.message,
                retryable=error.retryable,
            )
        )

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the attempt is over: committed, lost or handed back."""
        return self._closed.wait(timeout_s)

    # ---- the engine's thread

    def receive(self, event: EngineEvent) -> None:
        """Keep an event for the flusher; a first token or an end it hears of at once."""
        with self._lock:
            if self._has_ended:
                return  # given up meanwhile
            if isinstance(event, Failed) and event.code == STOPPED:
                self.is_handed_back = True
            else:
                self._pending.append(event)
            urgent = self._note_time(event)
        if urgent:
            self._wake()

    # ---- the flusher

    def draft(self) -> Progress:
        """What is to be committed next; the same until `commit`."""
        with self._lock:
            if self._draft is None:
                self._drafted = len(self._pending)
                self._draft = self._fold(self._pending)
            return self._draft

    def commit(self) -> bool:
        """The draft is in the database. True when it was the end."""
        with self._lock:
            draft, self._draft = self.draft(), None
            del self._pending[: self._drafted]
            self._seq += draft.has_chunk
            self._tokens += len(draft.token_ids) or guess_tokens(draft.text)
        if draft.token_ids and self._engine is not None:
            self._engine.acknowledge(self.request_id, len(draft.token_ids))
        if draft.outcome is not None:
            logger.info("%s ended: %s", self, draft.outcome.finish_reason)
            self._close()
        return draft.outcome is not None

    @property
    def has_news(self) -> bool:
        """Whether there is anything to be committed."""
        return bool(self._pending)

    @property
    def is_stuck(self) -> bool:
        """Whether its engine hangs."""
        return self._engine is not None and self._engine.is_overdue

    @property
    def can_move(self) -> bool:
        """Whether another worker could go on with it: not when only its end has to be committed."""
        with self._lock:
            return not self._has_ended and (self._engine is None or self._engine.can_move(self.request_id))

    @property
    def is_parked(self) -> bool:
        """Whether its engine has crashed, and another worker might go on with it sooner."""
        return self._engine is not None and self._engine.is_parked(self.request_id)

    def cancel(self) -> None:
        """Ask for the end; the engine's terminal event follows, as soon as it has the request."""
        with self._lock:
            if self._engine is None:  # its model is still being loaded
                self.receive(self._ended(self._tokens, "cancelled"))
        self._cancel_request()

    def fail(self) -> None:
        """Give up what could not be committed and end with an error instead."""
        with self._lock:
            self._draft, self._pending = None, [BROKEN]
        self._cancel_request()

    def abandon(self) -> None:
        """Stop without an end: the row is somebody else's now."""
        self._close()
        self._cancel_request()

    def _close(self) -> None:
        with self._lock:
            was_open = not self._closed.is_set()
            self._closed.set()
        if was_open:
            self._when_over()

    def _cancel_request(self) -> None:
        if self._engine is not None:
            self._engine.cancel(self.request_id)

    @property
    def _has_ended(self) -> bool:
        return bool(self._pending) and isinstance(self._pending[-1], Finished | Failed)

    def _ended(self, tokens: int, reason: FinishReason) -> Finished:
        """An end that the engine does not tell of."""
        usage = Usage(prompt_tokens=0, cached_tokens=self._cached_tokens, completion_tokens=tokens)
        timings = Timings(wait_ms=0, prefill_ms=0, decode_ms=0)
        return Finished(request_id=self.request_id, finish_reason=reason, usage=usage, timings=timings)

    # ---- making the request

    def _make_request(self, engine: Engine) -> GenerationRequest | None:
        """The engine's request; None when the lease was lost meanwhile."""
        if self._claimed.model_digest != self._digest and not self._prepare(engine):
            return None
        claimed = self._claimed
        resumes = bool(claimed.resume_ids or claimed.resume_text)
        says_again = bool(claimed.resume_ids) and claimed.model_digest == self._digest
        self._showing = Showing(claimed.rules, shown=claimed.resume_text, says_again=says_again)
        released = "" if self._showing.replays else claimed.resume_text
        return GenerationRequest(
            request_id=self.request_id,
            prompt_ids=claimed.prompt_ids or [],
            messages=[] if claimed.prompt_ids else claimed.messages,  # a remote model has no tokens
            tools=None if claimed.prompt_ids else tools_from(claimed.options),
            model=claimed.model,
            provider=claimed.provider,
            sampling=sampling_from(claimed.options),
            priority="batch" if claimed.priority else "interactive",
            time_limit_ms=self._time_left_ms(claimed.options),
            cache_key=str(claimed.session_id),
            shift=shift_from(claimed.options),
            adapter=self._adapter,
            doubted=claimed.faults > 0,
            resume=Resume(token_ids=claimed.resume_ids, text=released) if resumes else None,
        )

    def _prepare(self, engine: Engine) -> bool:
        """Freeze what this model runs on; False when the lease was lost. Another model may have begun."""
        claimed = self._claimed
        is_another = claimed.prompt_ids is not None
        options = claimed.options | (OF_ONE_VOCABULARY if is_another else {})
        prompt = engine.prepare(
            claimed.messages,
            options.get("chat_template", ""),
            tools_from(options),
            policy_from(options),
            written=claimed.resume_text,
        )
        options = effective_options(options, prompt)
        self._earlier_tokens = len(prompt.written_ids) or guess_tokens(claimed.resume_text)
        self._tokens = self._earlier_tokens
        self._claimed = replace(
            claimed,
            prompt_ids=prompt.token_ids,
            messages=prompt.messages,
            options=options,
            resume_ids=prompt.written_ids,
        )
        return self._freeze(prompt, has_begun=bool(claimed.resume_text) or is_another)

    def _freeze(self, prompt: PreparedPrompt, *, has_begun: bool) -> bool:
        while not self._closed.is_set():
            try:
                return freeze_prompt(
                    generation_id=self.id,
                    attempt=self.attempt,
                    prompt=prompt,
                    has_begun=has_begun,
                    model_digest=self._digest,
                    options=self._claimed.options,
                )
            except OUTAGE:
                logger.warning("%s waits for the database", self)
                reconnect()
                self._closed.wait(RETRY_S)
        return False

    def _time_left_ms(self, options: dict[str, Any]) -> int:
        spent = self._claimed.spent_s + time.monotonic() - self._claimed_at
        limit: int = options.get("max_response_time_ms", DEFAULT_RESPONSE_MS)
        return max(1, limit - round(spent * 1000))

    # ---- making the draft

    def _note_time(self, event: EngineEvent) -> bool:
        """Whether the event is one that readers should not wait for: the first token, or the end."""
        if isinstance(event, Finished | Failed):
            self._ended_at = time.monotonic()
            return True
        if isinstance(event, Delta) and self._first_token_at is None:
            self._first_token_at = time.monotonic()
            return True
        return False

    def _rate(self, finished: Finished) -> float | None:
        """Tokens per second after this attempt's first, crashes and parking included.

        Events of a fast engine arrive together: then its own clock says how long they took.
        """
        later = finished.usage.completion_tokens - self._earlier_tokens - 1
        if self._first_token_at is None or later < 1:
            return None
        elapsed = max(self._ended_at - self._first_token_at, finished.timings.decode_ms / 1000)
        return later / elapsed if elapsed > 0 else None

    def _fold(self, events: list[EngineEvent]) -> Progress:
        deltas = [event for event in events if isinstance(event, Delta)]
        token_ids = [token_id for delta in deltas for token_id in delta.token_ids]
        started = next((event for event in events if isinstance(event, Started)), None)
        if started is not None:
            self._cached_tokens = started.cached_tokens
        end = events[-1] if events and isinstance(events[-1], Finished | Failed) else None
        text = "".join(delta.text for delta in deltas) + (end.text if isinstance(end, Finished) else "")
        shown = self._showing.take(text, is_last=isinstance(end, Finished))
        tokens = self._tokens + (len(token_ids) or guess_tokens(text))
        return Progress(
            generation_id=self.id,
            message_id=self._claimed.message_id,
            attempt=self.attempt,
            seq=self._seq,
            is_first=self._seq == self._claimed.next_seq,
            text=shown,
            token_ids=token_ids,
            logprobs=self._logprobs(deltas),
            started=started,
            outcome=self._outcome(end, tokens),
        )

    def _outcome(self, end: Finished | Failed | None, tokens: int) -> Outcome | None:
        """How the reply ended: by the engine's word, or because of what it said."""
        rule = self._showing.blocked_by
        if end is None and (rule is not None or self._showing.contradicts):
            self._ended_at = time.monotonic()
            self._cancel_request()
            end = self._ended(tokens, "content_filter")
        if end is None:
            return None
        if isinstance(end, Failed) or self._showing.contradicts:
            return _failed(end if isinstance(end, Failed) else OTHER_RULES, tokens)
        if rule is None:
            return self._finished(end)
        logger.info("%s is stopped by the content rule %s", self, rule.id)
        return replace(self._finished(end), finish_reason="content_filter", blocked_by=rule.id)

    def _logprobs(self, deltas: list[Delta]) -> list[TokenLogprob] | None:
        if not self._claimed.options.get("logprobs"):
            return None
        views = logprob_views(each for delta in deltas for each in delta.logprobs)
        return self._showing.take_logprobs(views)

    def _finished(self, event: Finished) -> Outcome:
        return Outcome(
            finish_reason=event.finish_reason,
            prompt_tokens=event.usage.prompt_tokens or None,
            cached_tokens=event.usage.cached_tokens,
            completion_tokens=event.usage.completion_tokens,
            tokens_per_second=self._rate(event),
            provider=event.provider,
            ignored=event.ignored,
        )


def identity_of(model_digest: str, adapter: Adapter | None) -> str:
    """What a reply was begun with, so that nothing else goes on with it."""
    if adapter is None:
        return model_digest
    return hashlib.sha256(f"{model_digest}{adapter.digest}".encode()).hexdigest()


def effective_options(options: dict[str, Any], prompt: PreparedPrompt) -> dict[str, Any]:
    """The options a generation runs on for good: with a seed, with the template's own stop strings, and with
    what binds the calls of functions.
    """
    stops = dict.fromkeys([*options.get("stop", ()), *prompt.stop])
    fixed = {"stop": list(stops), "seed": with_seed(sampling_from(options)).seed}
    if options.get("context_shift") and options.get("shift_keep") is None:
        fixed["shift_keep"] = prompt.kept
    if prompt.syntax:
        fixed["tools"] = options["tools"] | {"syntax": prompt.syntax}
    if prompt.grammar is not None:
        fixed["grammar"] = msgspec.to_builtins(prompt.grammar)
        fixed["spelled_ids"] = list(prompt.spelled_ids)
    return {**options, **fixed}


def _failed(event: Failed, completion_tokens: int) -> Outcome:
    return Outcome(
        finish_reason="error",
        completion_tokens=completion_tokens,
        error=OutcomeError(code=event.code, message=event.message, retryable=event.retryable),
    )

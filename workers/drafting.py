"""What is committed next of a reply: what its engine has said, as readers get to see it, and its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from chat.realtime.protocol.views import TokenLogprob
from chat.services.generations import ClaimedGeneration, Outcome, OutcomeError, Progress, logprob_views
from inference.counting import guess_tokens
from inference.types.events import Delta, EngineEvent, Failed, Finished, FinishReason, Started, Timings, Usage
from workers.showing import Showing

logger = logging.getLogger(__name__)

OTHER_RULES = Failed(
    request_id="",
    code="content_rules_changed",
    message="This reply does not go together with the content rules any more. Please try again.",
    retryable=True,
)


class Drafter:
    """Numbers the chunks of one attempt, counts its tokens, and tells how it ended.

    `says_again`: its engine repeats what earlier attempts have said, as far as content rules have to see it.
    Each draft is committed before the next is made. Not thread-safe.
    """

    def __init__(self, claimed: ClaimedGeneration, *, says_again: bool = False) -> None:
        self._claimed = claimed
        self._showing = Showing(claimed.rules, shown=claimed.resume_text, says_again=says_again)
        self._seq = claimed.next_seq
        self._earlier_tokens = len(claimed.resume_ids) or guess_tokens(claimed.resume_text)
        self._tokens = self._earlier_tokens
        self._cached_tokens = 0
        self._first_token_at: float | None = None
        self._ended_at = 0.0

    @property
    def released(self) -> str:
        """What the engine needs not say again."""
        return "" if self._showing.replays else self._claimed.resume_text

    def note_time(self, event: EngineEvent) -> bool:
        """Whether the event is one that readers should not wait for: the first token, or the end."""
        if isinstance(event, Finished | Failed):
            self._ended_at = time.monotonic()
            return True
        if isinstance(event, Delta) and self._first_token_at is None:
            self._first_token_at = time.monotonic()
            return True
        return False

    def draft(self, events: Sequence[EngineEvent]) -> Progress:
        """What the events amount to. It may be an end of which the engine does not know."""
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
            generation_id=self._claimed.id,
            message_id=self._claimed.message_id,
            attempt=self._claimed.attempt,
            seq=self._seq,
            is_first=self._seq == self._claimed.next_seq,
            text=shown,
            token_ids=token_ids,
            logprobs=self._logprobs(deltas),
            started=started,
            outcome=self._outcome(end, tokens),
        )

    def count(self, draft: Progress) -> None:
        """The draft is committed."""
        self._seq += draft.has_chunk
        self._tokens += len(draft.token_ids) or guess_tokens(draft.text)

    def ended(self, reason: FinishReason) -> Finished:
        """An end that the engine does not tell of."""
        return self._ended(reason, self._tokens)

    def _ended(self, reason: FinishReason, tokens: int) -> Finished:
        usage = Usage(prompt_tokens=0, cached_tokens=self._cached_tokens, completion_tokens=tokens)
        timings = Timings(wait_ms=0, prefill_ms=0, decode_ms=0)
        return Finished(request_id="", finish_reason=reason, usage=usage, timings=timings)

    def _logprobs(self, deltas: Sequence[Delta]) -> list[TokenLogprob] | None:
        if not self._claimed.options.get("logprobs"):
            return None
        views = logprob_views(each for delta in deltas for each in delta.logprobs)
        return self._showing.take_logprobs(views)

    def _outcome(self, end: Finished | Failed | None, tokens: int) -> Outcome | None:
        """How the reply ended: by the engine's word, or because of what it said."""
        rule = self._showing.blocked_by
        if end is None and (rule is not None or self._showing.contradicts):
            self._ended_at = time.monotonic()
            end = self._ended("content_filter", tokens)
        if end is None:
            return None
        if isinstance(end, Failed) or self._showing.contradicts:
            return _failed(end if isinstance(end, Failed) else OTHER_RULES, tokens)
        if rule is None:
            return self._finished(end)
        logger.info("%s is stopped by the content rule %s", self._claimed.id, rule.id)
        return replace(self._finished(end), finish_reason="content_filter", blocked_by=rule.id)

    def _finished(self, event: Finished) -> Outcome:
        return Outcome(
            finish_reason=event.finish_reason,
            prompt_tokens=event.usage.prompt_tokens or None,
            cached_tokens=event.usage.cached_tokens,
            completion_tokens=event.usage.completion_tokens,
            discarded_tokens=event.usage.discarded_tokens,
            tokens_per_second=self._rate(event),
            provider=event.provider,
            ignored=event.ignored,
        )

    def _rate(self, finished: Finished) -> float | None:
        """Tokens per second after this attempt's first, crashes and parking included.

        Events of a fast engine arrive together: then its own clock says how long they took.
        """
        later = finished.usage.completion_tokens - self._earlier_tokens - 1
        if self._first_token_at is None or later < 1:
            return None
        elapsed = max(self._ended_at - self._first_token_at, finished.timings.decode_ms / 1000)
        return later / elapsed if elapsed > 0 else None


def _failed(event: Failed, completion_tokens: int) -> Outcome:
    return Outcome(
        finish_reason="error",
        completion_tokens=completion_tokens,
        error=OutcomeError(
            code=event.code, message=event.message, reason=event.reason, retryable=event.retryable
        ),
    )

"""The end of a generation: fold its chunks into the message, write usage and times, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from chat.models import (
    ChatMessage,
    ChatSession,
    Generation,
    GenerationChunk,
    GenerationStatus,
    MessageStatus,
)
from chat.models.failures import stored_reason
from chat.realtime.protocol.events import GenerationFailed, GenerationFinished
from chat.realtime.protocol.views import DroppedContext, GenerationError, GenerationMetrics, UsageView
from chat.selectors.prepared import Param, Prepared, PreparedUpdate, params_of, row_of
from chat.services.generations.logprobs import mean_probability
from inference.types.errors import Reason

MESSAGE_STATUS = {
    GenerationStatus.SUCCEEDED: MessageStatus.COMPLETE,
    GenerationStatus.FAILED: MessageStatus.FAILED,
    GenerationStatus.CANCELLED: MessageStatus.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class OutcomeError:
    """Why a generation failed: a code, a sentence for the user, and its `reason` for other languages."""

    code: str
    message: str
    reason: Reason | None = None
    retryable: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended. Counts cover all attempts; `tokens_per_second` is this attempt's decoding.

    `blocked_by` is the id of the content rule that stopped it. `prompt_tokens` is given where the engine's
    count is better than the one of the claim. `discarded_tokens` made room in a full window. Of a remote
    model: which `provider` answered, and the `ignored` options it does not take.
    """

    finish_reason: str
    prompt_tokens: int | None = None
    cached_tokens: int = 0
    completion_tokens: int = 0
    discarded_tokens: int = 0
    tokens_per_second: float | None = None
    error: OutcomeError | None = None
    provider: str = ""
    ignored: Sequence[str] = ()
    blocked_by: str = ""

    @property
    def status(self) -> GenerationStatus:
        """The row's final status."""
        if self.error is not None:
            return GenerationStatus.FAILED
        if self.finish_reason == "cancelled":
            return GenerationStatus.CANCELLED
        return GenerationStatus.SUCCEEDED


def settle_generation(
    *, row: Generation, outcome: Outcome, now: datetime
) -> GenerationFinished | GenerationFailed:
    """End a generation whose row the caller has locked; returns the event to publish after the commit."""
    outcome = _as_killed(row, outcome)
    chunks = _said.rows(id=row.id)
    metrics = _metrics(row, outcome, now)
    if outcome.prompt_tokens is not None:
        row.prompt_tokens = outcome.prompt_tokens
    usage = _usage(row, outcome)
    _end_generation(row, outcome, usage, metrics, now)
    _end_message(row, outcome, usage, metrics, now, chunks)
    used = usage.total_tokens - min(row.kept_tokens, usage.total_tokens)
    _counted.run(id=row.session_id, used=used, updated_at=now)
    if outcome.error is not None:
        return failed_event(row, outcome.error)
    return GenerationFinished(
        generation_id=str(row.id),
        message_id=str(row.message_id),
        finish_reason=outcome.finish_reason,
        last_seq=len(chunks) - 1,
        usage=usage,
        metrics=metrics,
        worker=row.worker,
    )


@Prepared
def _said() -> QuerySet[GenerationChunk, Any]:
    chunks = GenerationChunk.objects.filter(generation=Param("id", Generation, "id"))
    return chunks.order_by("seq").values_list("text", "logprobs")


@PreparedUpdate
def _counted() -> tuple[QuerySet[ChatSession], dict[str, Any]]:
    usage = F("token_usage") + Param("used", ChatSession, "token_usage")
    return row_of(ChatSession), {"token_usage": usage} | params_of(ChatSession, "updated_at")


@PreparedUpdate
def _ended(*names: str) -> tuple[QuerySet[Generation], dict[str, Any]]:
    return row_of(Generation), params_of(Generation, *names)


@PreparedUpdate
def _answered(*names: str) -> tuple[QuerySet[ChatMessage], dict[str, Any]]:
    return row_of(ChatMessage), params_of(ChatMessage, *names)


def _usage(row: Generation, outcome: Outcome) -> UsageView:
    return UsageView(
        prompt_tokens=row.prompt_tokens,
        cached_tokens=min(outcome.cached_tokens, row.prompt_tokens),
        completion_tokens=outcome.completion_tokens,
        total_tokens=row.prompt_tokens + outcome.completion_tokens,
        dropped=msgspec.convert(_dropped(row, outcome) or None, DroppedContext | None),
        context_length=row.context_length or None,
    )


def _end_generation(
    row: Generation, outcome: Outcome, usage: UsageView, metrics: GenerationMetrics, now: datetime
) -> None:
    error = outcome.error
    values = dict[str, Any](
        status=outcome.status,
        finish_reason=outcome.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        prompt_messages=None,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        dropped=_dropped(row, outcome),
        metrics=msgspec.structs.asdict(metrics),
        error_code=error.code if error else "",
        error_message=error.message if error else "",
        error_reason=stored_reason(error.reason) if error else None,
        error_retryable=bool(error and error.retryable),
        lease_until=None,
        finished_at=now,
    )
    _ended.run(*values, id=row.id, **values)


def _end_message(
    row: Generation,
    outcome: Outcome,
    usage: UsageView,
    metrics: GenerationMetrics,
    now: datetime,
    chunks: Sequence[tuple[str, Any]],
) -> None:
    values = dict[str, Any](
        content="".join(text for text, _ in chunks),
        status=MESSAGE_STATUS[outcome.status],
        finish_reason=outcome.finish_reason,
        tokens_used=usage.completion_tokens,
        response_time_ms=metrics.response_time_ms,
        metrics=_message_metrics(metrics, usage, row.worker),
        confidence=mean_probability(logprobs for _, logprobs in chunks),
        error_message=outcome.error.message if outcome.error else "",
        error_reason=stored_reason(outcome.error.reason) if outcome.error else None,
        updated_at=now,
        **_facts(row, outcome),
    )
    _answered.run(*values, id=row.message_id, **values)


def _as_killed(row: Generation, outcome: Outcome) -> Outcome:
    """A reply that a moderator stopped has failed, for the reason that they gave."""
    if not row.kill_reason or outcome.finish_reason != "cancelled":
        return outcome
    reason = Reason("A moderator stopped this reply: %(reason)s", {"reason": row.kill_reason})
    error = OutcomeError(code="stopped_by_moderator", message=str(reason), reason=reason)
    return replace(outcome, error=error)


def _dropped(row: Generation, outcome: Outcome) -> dict[str, int]:
    """What the context policy left out and, of all attempts together, what context shifts discarded."""
    dropped: dict[str, int] = row.dropped
    return dropped | ({"shifted": outcome.discarded_tokens} if outcome.discarded_tokens else {})


def _message_metrics(metrics: GenerationMetrics, usage: UsageView, worker: str) -> dict[str, Any]:
    """What a message tells of how it came about."""
    names = ("prompt_tokens", "cached_tokens", "context_length", "dropped")
    told = msgspec.to_builtins(usage)
    return msgspec.structs.asdict(metrics) | {name: told[name] for name in names} | {"worker": worker}


def _facts(row: Generation, outcome: Outcome) -> dict[str, Any]:
    """What a reply's message tells of the provider that answered, and of the rule that stopped it."""
    facts: dict[str, Any] = {"llm_provider": outcome.provider} if outcome.provider else {}
    noted: dict[str, Any] = {"ignored_options": list(outcome.ignored)} if outcome.ignored else {}
    noted |= {"blocked_by": outcome.blocked_by} if outcome.blocked_by else {}
    return facts | {"metadata": row.message.metadata | noted} if noted else facts


def failed_event(row: Generation, error: OutcomeError) -> GenerationFailed:
    """The frame that tells readers why a generation failed."""
    return GenerationFailed(
        generation_id=str(row.id),
        message_id=str(row.message_id),
        error=GenerationError(
            code=error.code, message=error.message, reason=error.reason, retryable=error.retryable
        ),
    )


def purge_expired_chunks() -> int:
    """Delete chunks of generations that ended longer ago than the retention; returns how many."""
    retention = timedelta(seconds=settings.CHUNK_RETENTION_SECONDS)
    deleted, _ = GenerationChunk.objects.filter(generation__finished_at__lt=Now() - retention).delete()
    return deleted


def _metrics(row: Generation, outcome: Outcome, now: datetime) -> GenerationMetrics:
    rate = outcome.tokens_per_second
    return GenerationMetrics(
        queue_ms=_elapsed_ms(row.created_at, row.started_at or now),
        ttft_ms=_elapsed_ms(row.created_at, row.first_token_at) if row.first_token_at else None,
        response_time_ms=_elapsed_ms(row.created_at, now),
        tokens_per_second=round(rate, 2) if rate is not None else None,
    )


def _elapsed_ms(start: datetime, end: datetime) -> int:
    # Created by a web process's clock, started by the database's: skew must not make it negative.
    return max(0, round((end - start).total_seconds() * 1000))

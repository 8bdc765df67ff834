"""Figures: what people did, and how fast they were answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, FloatField, Max, Min, Q, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, Generation, GenerationStatus, Role, User
from chat.selectors.providers import ServedModel, list_served
from chat.selectors.usage import total_usage
from chat.selectors.workers import available_models

RECENT = timedelta(hours=1)
PERFORMANCE_WINDOW = timedelta(days=30)
MOST_AVERAGED = 1000
"""Averages of everybody's are those of the newest so many."""


@dataclass(frozen=True, kw_only=True)
class Stats:
    """`average_response_time_ms` and the favourites are None where nothing was answered yet."""

    total_sessions: int
    total_messages: int
    active_sessions: int
    messages_today: int
    average_response_time_ms: float | None
    most_used_provider: str | None
    most_used_model: str | None


def count_use(*, user: User | None) -> Stats:
    """The figures of one person's own sessions, or of everybody's. Today begins at midnight UTC.

    Time and favourites are those of the newest `MOST_AVERAGED` replies.
    """
    sessions = ChatSession.objects.filter(is_hidden=False)
    messages = ChatMessage.objects.filter(session__is_hidden=False)
    if user is not None:
        sessions = sessions.filter(participants__user=user)
        messages = messages.filter(session__participants__user=user)
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    counted = sessions.aggregate(
        total=Count("id"),
        active=Count("id", filter=Q(is_active=True)),
        messages=Sum("message_count", default=0),
    )
    newest = messages.filter(role=Role.ASSISTANT).order_by("-created_at")
    replies = list(newest.values_list("llm_provider", "llm_model", "response_time_ms")[:MOST_AVERAGED])
    taken = [taken_ms for _, _, taken_ms in replies if taken_ms is not None]
    return Stats(
        total_sessions=counted["total"],
        total_messages=counted["messages"],
        active_sessions=counted["active"],
        messages_today=messages.filter(created_at__gte=midnight).count(),
        average_response_time_ms=fmean(taken) if taken else None,
        most_used_provider=_favourite(provider for provider, _, _ in replies),
        most_used_model=_favourite(model for _, model, _ in replies),
    )


def _favourite(names: Iterable[str]) -> str | None:
    counts = Counter(name for name in names if name)
    return min(counts, key=lambda name: (-counts[name], name), default=None)


@dataclass(frozen=True, kw_only=True)
class ProviderStatus:
    """One model of one provider; figures are None where there are none yet.

    Of a model of our own latency is of whole replies and all figures are of the last hour; of others see
    `ServedModel`.
    """

    provider: str
    model: str
    status: str
    latency_ms: float | None
    error_rate: float | None
    requests: int
    is_enabled: bool = True
    priority: int | None = None
    rests_until: datetime | None = None
    last_error: str | None = None


def provider_statuses() -> list[ProviderStatus]:
    """Every model people may choose, ours first, in two queries besides the catalogue's."""
    recent = (
        Generation.objects.filter(finished_at__gte=timezone.now() - RECENT)
        .values("model")
        .annotate(
            ended=Count("id"),
            failed=Count("id", filter=Q(status=GenerationStatus.FAILED)),
            latency=Avg("message__response_time_ms", filter=Q(status=GenerationStatus.SUCCEEDED)),
        )
    )
    figures = {row["model"]: row for row in recent}
    served = list_served()
    remote = {row.model for row in served}
    ours = {slug: is_offered for slug, is_offered in available_models().items() if slug not in remote}
    return [
        *(_status(slug, is_offered, figures.get(slug)) for slug, is_offered in ours.items()),
        *map(_remote, served),
    ]


def _remote(row: ServedModel) -> ProviderStatus:
    return ProviderStatus(
        provider=row.provider,
        model=row.model,
        status=row.status,
        latency_ms=row.latency_ms,
        error_rate=row.error_rate,
        requests=row.calls,
        is_enabled=row.is_enabled,
        priority=row.priority,
        rests_until=row.rests_until,
        last_error=row.last_error or None,
    )


def _status(slug: str, is_offered: bool, figures: Mapping[str, Any] | None) -> ProviderStatus:
    ended = figures["ended"] if figures else 0
    return ProviderStatus(
        provider="LOCAL",
        model=slug,
        status="available" if is_offered else "unavailable",
        latency_ms=figures["latency"] if figures else None,
        error_rate=round(figures["failed"] / ended, 4) if figures and ended else None,
        requests=ended,
    )


@dataclass(frozen=True, kw_only=True)
class Performance:
    """Replies of the last 30 days: times in milliseconds, rates in tokens per second, counts in tokens."""

    replies: int
    succeeded: int
    failed: int
    cancelled: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    average_response_time_ms: float | None
    fastest_response_time_ms: int | None
    slowest_response_time_ms: int | None
    average_ttft_ms: float | None
    average_queue_ms: float | None
    average_tokens_per_second: float | None


def measure_performance(*, user: User | None = None, session_id: UUID | None = None) -> Performance:
    """Of one session, of what one person asked, or of everything.

    Of everything the counts are of what has ended, and times and rates of the newest `MOST_AVERAGED` replies.
    """
    rows = Generation.objects.filter(created_at__gte=timezone.now() - PERFORMANCE_WINDOW)
    if session_id is not None:
        return _measure(rows.filter(session_id=session_id))
    if user is not None:
        return _measure(rows.filter(user=user))
    newest = rows.order_by("-created_at").values("id")[:MOST_AVERAGED]
    total = total_usage(period=PERFORMANCE_WINDOW)
    names = ("replies", "succeeded", "failed", "cancelled", "prompt_tokens", "cached_tokens")
    counts: dict[str, int] = {name: getattr(total, name) for name in (*names, "completion_tokens")}
    return replace(_measure(Generation.objects.filter(id__in=newest)), **counts)


def _measure(rows: QuerySet[Generation]) -> Performance:
    status = GenerationStatus
    found = rows.aggregate(
        replies=Count("id"),
        succeeded=Count("id", filter=Q(status=status.SUCCEEDED)),
        failed=Count("id", filter=Q(status=status.FAILED)),
        cancelled=Count("id", filter=Q(status=status.CANCELLED)),
        prompt_tokens=Sum("prompt_tokens", default=0),
        cached_tokens=Sum("cached_tokens", default=0),
        completion_tokens=Sum("completion_tokens", default=0),
        average_response_time_ms=Avg("message__response_time_ms"),
        fastest_response_time_ms=Min("message__response_time_ms"),
        slowest_response_time_ms=Max("message__response_time_ms"),
        average_ttft_ms=_average("ttft_ms"),
        average_queue_ms=_average("queue_ms"),
        average_tokens_per_second=_average("tokens_per_second"),
    )
    return Performance(**found)


def _average(name: str) -> Avg:
    # SQLite casts JSON's null to 0.
    known = ~Q(**{f"metrics__{name}": None})
    return Avg(Cast(KT(f"metrics__{name}"), FloatField()), filter=known)

"""What was used in a period, from the hours that are counted already and the one that runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from chat.models import (
    Case,
    CaseStatus,
    Generation,
    GenerationStatus,
    UsageHour,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOUNDS_MS = (50, 100, 200, 500, 1000, 2000, 3000, 5000, 7500, 10_000, 15_000, 30_000, 60_000, 120_000)
TOP = 10
UNCOUNTED = 2 * HOUR
"""At most so many whole hours are not counted yet (`chat.services.usage`); older ones are not looked for."""

TIMES = ("queue", "ttft", "response")


@dataclass(kw_only=True)
class Amounts:
    """Replies, tokens, and histograms of milliseconds."""

    replies: int = 0
    failed: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    queue: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    ttft: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    response: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    @property
    def succeeded(self) -> int:
        """Neither failed nor cancelled."""
        return self.replies - self.failed - self.cancelled

    @property
    def cache_reuse(self) -> float | None:
        """The part of the prompt tokens that was computed before."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None

    def add(self, other: Amounts | UsageHour) -> None:
        """Count another's too."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in TIMES:
            pairs = zip(getattr(self, name), getattr(other, name), strict=True)
            setattr(self, name, [mine + theirs for mine, theirs in pairs])


COUNTS = ("replies", "failed", "cancelled", "prompt_tokens", "cached_tokens", "completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A period in `slots` of equal length, and by model; the rest is of the last 24 hours."""

    slots: list[tuple[datetime, Amounts]]
    models: list[tuple[str, Amounts]]
    total: Amounts
    users: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    cases_open: int
    decisions: list[dict[str, Any]]


def read_usage(*, period: timedelta, slots: int) -> Usage:
    """At most six queries, whatever the period."""
    now = timezone.now()
    width = period / slots
    begin = floor_hour(now) + HOUR - period
    amounts = [Amounts() for _ in range(slots)]
    models: dict[str, Amounts] = {}
    total = Amounts()
    for hour, model, row in _hours(begin, now):
        for target in (amounts[int((hour - begin) / width)], models.setdefault(model, Amounts()), total):
            target.add(row)
    by_model = sorted(models.items(), key=lambda item: -item[1].completion_tokens)
    return Usage(
        slots=[(begin + width * number, found) for number, found in enumerate(amounts)],
        models=by_model[:TOP],
        total=total,
        users=_top_users(now),
        errors=_errors(now),
        cases_open=Case.objects.exclude(status=CaseStatus.DECIDED).count(),
        decisions=_decisions(now),
    )


def total_usage(*, period: timedelta) -> Amounts:
    """Everything of a period that ends now; two queries."""
    now = timezone.now()
    total = Amounts()
    for _, _, row in _hours(floor_hour(now) + HOUR - period, now):
        total.add(row)
    return total


def _hours(begin: datetime, now: datetime) -> list[tuple[datetime, str, Amounts | UsageHour]]:
    """The hours that are counted, and those that are not yet, with their models."""
    counted = UsageHour.objects.filter(hour__gte=begin)
    rows: list[tuple[datetime, str, Amounts | UsageHour]] = [(row.hour, row.model, row) for row in counted]
    last = max((hour for hour, _, _ in rows), default=begin)
    live = count_hours(max(last + HOUR, floor_hour(now) - UNCOUNTED, begin), now)
    return rows + [(hour, model, found) for (hour, model), found in live.items()]


def count_hours(since: datetime, until: datetime) -> dict[tuple[datetime, str], Amounts]:
    """What ended from `since` on and before `until`, by hour and model; one query over an index."""
    ended = Generation.objects.filter(finished_at__gte=since, finished_at__lt=until).order_by()
    found: dict[tuple[datetime, str], Amounts] = {}
    columns = ("finished_at", "model", "status", *COUNTS[3:], "metrics")
    for finished_at, model, status, prompt, cached, completion, metrics in ended.values_list(
        *columns
    ).iterator(chunk_size=2000):
        amounts = found.setdefault((floor_hour(finished_at), model), Amounts())
        amounts.replies += 1
        amounts.failed += status == GenerationStatus.FAILED
        amounts.cancelled += status == GenerationStatus.CANCELLED
        amounts.prompt_tokens += prompt
        amounts.cached_tokens += cached
        amounts.completion_tokens += completion
        for name in TIMES:
            value = metrics.get(KEYS[name])
            if value is not None:
                getattr(amounts, name)[bisect_left(BOUNDS_MS, value)] += 1
    return found


KEYS = {"queue": "queue_ms", "ttft": "ttft_ms", "response": "response_time_ms"}


def percentile(histogram: Sequence[int], share: float) -> float | None:
    """About the milliseconds that `share` of the replies did not exceed; None where there are none.

    Between the bounds of a bucket a straight line is assumed; what is beyond the last counts as the last.
    """
    total = sum(histogram)
    if not total:
        return None
    wanted, below = share * total, 0
    for index, count in enumerate(histogram[: len(BOUNDS_MS)]):
        if count and below + count >= wanted:
            low = BOUNDS_MS[index - 1] if index else 0
            return low + (BOUNDS_MS[index] - low) * (wanted - below) / count
        below += count
    return float(BOUNDS_MS[-1])


def floor_hour(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _top_users(now: datetime) -> list[dict[str, Any]]:
    ended = Generation.objects.filter(finished_at__gte=now - DAY).order_by()
    used = ended.values("user_id", "user__username").annotate(
        replies=Count("id"), prompt_tokens=Sum("prompt_tokens"), completion_tokens=Sum("completion_tokens")
    )
    return list(map(dict, used.order_by("-completion_tokens", "user__username")[:TOP]))


def _errors(now: datetime) -> list[dict[str, Any]]:
    failed = Generation.objects.filter(finished_at__gte=now - DAY, status=GenerationStatus.FAILED).order_by()
    found = failed.values("error_code", "model").annotate(count=Count("id"))
    return list(map(dict, found.order_by("-count", "error_code")[:TOP]))


def _decisions(now: datetime) -> list[dict[str, Any]]:
    recent = Case.objects.filter(status=CaseStatus.DECIDED, decided_at__gte=now - 30 * DAY).order_by()
    found = recent.values("decision").annotate(count=Count("id"))
    return list(map(dict, found.order_by("-count", "decision")))

"""Figures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from chat.api.auth import LOGGED_IN, user_of
from chat.selectors.performance import recommend
from chat.selectors.statistics import count_use, measure_performance
from chat.services.access import require_reader

router = Router(tags=["figures"], auth=LOGGED_IN)


class StatsOut(Schema):
    """How much is used."""

    total_sessions: int
    total_messages: int
    active_sessions: int
    messages_today: int
    average_response_time_ms: float | None
    most_used_provider: str | None
    most_used_model: str | None


class ExampleOut(Schema):
    """A reply behind a recommendation."""

    generation_id: UUID
    session_id: UUID
    value: float


class RecommendationOut(Schema):
    """`value` is the mean of the latest replies; `generations` are the last ten beyond `threshold`."""

    type: str
    severity: str
    message: str
    action: str
    value: float
    threshold: float
    generations: list[ExampleOut]


class PerformanceOut(Schema):
    """Replies of the last 30 days, and what could be better by the latest of them."""

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
    recommendations: list[RecommendationOut]


@router.get("stats", response=StatsOut, summary="How much is used")
def get_stats(request: HttpRequest) -> Any:
    """The caller's own figures; everybody's for staff."""
    user = user_of(request)
    return asdict(count_use(user=None if user.is_staff else user))


@router.get("performance", response=PerformanceOut, summary="How fast replies come")
def get_performance(request: HttpRequest) -> Any:
    """Of the caller's own replies; of all for staff."""
    user = user_of(request)
    return _report(user=None if user.is_staff else user)


@router.get(
    "sessions/{uuid:session_id}/performance", response=PerformanceOut, summary="How fast a session's come"
)
def get_session_performance(request: HttpRequest, session_id: UUID) -> Any:
    """Of the replies in one session."""
    require_reader(user=user_of(request), session_id=session_id)
    return _report(session_id=session_id)


def _report(**whose: Any) -> dict[str, Any]:
    found = [asdict(each) for each in recommend(**whose)]
    return asdict(measure_performance(**whose)) | {"recommendations": found}

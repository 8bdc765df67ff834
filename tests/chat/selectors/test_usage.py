"""Hours are counted once, and a period is what its replies were."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chat.models import Generation, GenerationStatus, UsageHour
from chat.selectors.usage import BOUNDS_MS, DAY, HOUR, Amounts, floor_hour, percentile, read_usage
from chat.services.usage import count_usage
from tests.support.factories import make_generation, make_session

pytestmark = pytest.mark.django_db


def end(ago: timedelta, status: str = GenerationStatus.SUCCEEDED, **fields: Any) -> Generation:
    return make_generation(
        make_session(),
        model="m",
        status=status,
        finished_at=timezone.now() - ago,
        metrics={"queue_ms": 10, "ttft_ms": None, "response_time_ms": 900},
        **{"prompt_tokens": 100, "cached_tokens": 25, "completion_tokens": 7} | fields,
    )


def test_a_period_is_the_same_before_and_after_it_was_counted() -> None:
    for ago in (timedelta(0), 2 * HOUR, 2 * HOUR):  # the last hour may not have settled yet
        end(ago)
    end(2 * HOUR, GenerationStatus.FAILED, error_code="engine_lost")
    before = read_usage(period=DAY, slots=24)
    assert count_usage() >= 1
    assert read_usage(period=DAY, slots=24) == before
    assert (before.total.replies, before.total.failed, before.total.completion_tokens) == (4, 1, 28)
    assert before.total.cache_reuse == 0.25
    assert [model for model, _ in before.models] == ["m"]
    assert sum(amounts.replies for _, amounts in before.slots) == 4
    assert before.errors == [{"error_code": "engine_lost", "model": "m", "count": 1}]
    assert len(before.users) == 4


def test_what_lies_before_the_period_or_long_ago_does_not_count() -> None:
    end(3 * DAY)
    end(40 * DAY)
    count_usage()
    assert read_usage(period=DAY, slots=24).total == Amounts()
    assert read_usage(period=7 * DAY, slots=28).total.replies == 1


def test_hours_are_counted_once_each_across_long_gaps() -> None:
    for ago in (90 * DAY, 2 * DAY, 2 * DAY + HOUR):
        end(ago)
    end(timedelta(0))
    assert count_usage() == 3
    assert count_usage() == 0
    hours = set(UsageHour.objects.values_list("hour", flat=True))
    assert floor_hour(timezone.now()) not in hours


def test_it_takes_few_queries_whatever_the_period(django_assert_max_num_queries: Any) -> None:
    for day in range(20):
        end(day * DAY)
    count_usage()
    with django_assert_max_num_queries(6):
        read_usage(period=30 * DAY, slots=30)


@given(st.lists(st.integers(0, 120_000), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(values: list[int], share: float) -> None:
    histogram = [0] * (len(BOUNDS_MS) + 1)
    for value in values:
        histogram[next(n for n, bound in enumerate(BOUNDS_MS) if value <= bound)] += 1
    found = percentile(histogram, share)
    true = sorted(values)[ceil(share * len(values)) - 1]
    high = next(bound for bound in BOUNDS_MS if true <= bound)
    low = max((bound for bound in BOUNDS_MS if bound < true), default=0)
    assert found is not None
    assert low <= found <= high


def test_of_nothing_there_is_no_percentile_and_beyond_the_last_bound_it_is_that() -> None:
    empty = [0] * (len(BOUNDS_MS) + 1)
    assert percentile(empty, 0.5) is None
    assert percentile([*empty[:-1], 3], 0.5) == BOUNDS_MS[-1]


def test_an_hour_begins_at_its_minute_zero() -> None:
    assert (
        floor_hour(datetime.fromisoformat("2026-01-02T03:04:05Z")).isoformat() == "2026-01-02T03:00:00+00:00"
    )

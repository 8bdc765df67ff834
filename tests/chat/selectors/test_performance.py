"""Recommendations are tied to their thresholds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chat.models import GenerationStatus
from chat.selectors.performance import Recommendation, Reply, judge, recommend
from tests.support.factories import make_generation, make_session

FINE = {"tokens_per_second": 10.0, "response_time_ms": 5000, "prompt_tokens": 3000, "cached_tokens": 1500}


def replies(count: int, **fields: Any) -> list[Reply]:
    return [Reply(id=UUID(int=n), session_id=UUID(int=0), **FINE | fields) for n in range(count)]


def types(found: list[Recommendation]) -> list[str]:
    return [each.type for each in found]


def test_at_the_thresholds_everything_is_fine() -> None:
    assert judge(replies(20)) == []


@pytest.mark.parametrize(
    ("fields", "type_", "severity", "value"),
    [
        ({"tokens_per_second": 9.9}, "slow_generation", "high", 9.9),
        ({"response_time_ms": 5001}, "high_latency", "medium", 5.001),
        ({"prompt_tokens": 3001, "cached_tokens": 3001}, "large_context", "medium", 3001),
        ({"cached_tokens": 1499}, "low_cache_reuse", "low", 0.5),
    ],
)
def test_just_beyond_one_it_is_said(fields: dict[str, Any], type_: str, severity: str, value: float) -> None:
    (found,) = judge(replies(20, **fields))
    assert (found.type, found.severity, found.value) == (type_, severity, value)
    assert [example.generation_id.int for example in found.generations] == list(range(10))
    assert found.action


def test_only_replies_beyond_the_threshold_are_behind_it_and_the_mean_decides() -> None:
    slow, fast = replies(3, tokens_per_second=1.0), replies(2, tokens_per_second=20.0)
    (found,) = judge([*fast, *slow])
    assert (found.value, len(found.generations)) == (8.6, 3)
    assert judge([*fast, *fast, *slow]) == []


def test_what_was_not_measured_is_left_out_and_one_reply_says_nothing() -> None:
    assert (
        judge(replies(5, tokens_per_second=None, response_time_ms=None, prompt_tokens=0, cached_tokens=0))
        == []
    )
    assert judge(replies(1, tokens_per_second=1.0)) == []


@pytest.mark.django_db
def test_of_a_session_a_person_or_everything(django_assert_num_queries: Any) -> None:
    mine, other = make_session(), make_session()
    metrics = {"tokens_per_second": 2.0, "response_time_ms": None}
    for session in (mine, mine, other):
        make_generation(
            session,
            status=GenerationStatus.SUCCEEDED,
            finished_at="2026-01-01T00:00:00Z",
            metrics=metrics,
        )
    for _ in range(2):  # what failed is not judged
        make_generation(
            other, status=GenerationStatus.FAILED, finished_at="2026-01-01T00:00:00Z", metrics=metrics
        )
    with django_assert_num_queries(3):
        assert types(recommend(session_id=mine.id)) == ["slow_generation"]
        assert recommend(user=other.owner) == []
        assert [len(each.generations) for each in recommend()] == [3]

"""Figures of one person and of everybody."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from chat.models import ChatSession, GenerationStatus, Role, User
from chat.selectors import statistics
from chat.selectors.statistics import count_use, measure_performance
from chat.services.usage import count_usage
from tests.support.factories import make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db


def make_reply(owner: User, milliseconds: int, **fields: Any) -> None:
    session = make_session(owner)
    metrics = {"queue_ms": 5, "ttft_ms": 70, "tokens_per_second": 20.0}
    row = make_generation(session, metrics=metrics, prompt_tokens=10, completion_tokens=3, **fields)
    row.message.response_time_ms = milliseconds
    row.message.llm_model = fields.get("model", "paced")
    row.message.save()
    ChatSession.objects.filter(id=session.id).update(message_count=2)


@pytest.fixture
def people() -> tuple[User, User]:
    """Two who asked: once, and twice in vain."""
    ada, bob = make_user(), make_user()
    make_reply(ada, 100, status=GenerationStatus.SUCCEEDED, finished_at=timezone.now())
    for _ in range(2):
        make_reply(bob, 400, status=GenerationStatus.FAILED, finished_at=timezone.now(), model="large")
    return ada, bob


def test_ones_own_figures_and_everybodys(people: tuple[User, User]) -> None:
    count_usage()
    for user, replies, failed, average in ((people[0], 1, 0, 100), (people[1], 2, 2, 400), (None, 3, 2, 300)):
        found = measure_performance(user=user)
        assert (found.replies, found.failed, found.prompt_tokens) == (replies, failed, 10 * replies)
        assert (found.average_response_time_ms, found.average_ttft_ms) == (average, 70)
        used = count_use(user=user)
        assert (used.total_sessions, used.total_messages, used.messages_today) == (
            replies,
            2 * replies,
            2 * replies,
        )
        assert used.average_response_time_ms == average
        assert used.most_used_model == ("paced" if user == people[0] else "large")


def test_times_are_of_the_newest(people: tuple[User, User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MOST_AVERAGED", 2)
    found = measure_performance()
    assert (found.replies, found.average_response_time_ms) == (3, 400)
    assert count_use(user=None).most_used_model == "large"


def test_nothing_yet() -> None:
    make_message(make_session(), "Hi", role=Role.USER)
    assert measure_performance().average_response_time_ms is None
    assert count_use(user=None).most_used_provider is None

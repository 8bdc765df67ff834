"""Figures over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, Role
from chat.services.generations.settling import OutcomeError
from tests.support.api import Caller, answer_next
from tests.support.factories import make_generation, make_message, make_session, make_user


def ask(caller: Caller, **fields: Any) -> Any:
    session = make_session(caller.user, **fields)
    caller.post(f"sessions/{session.id}/messages", {"content": "Hi"})
    return session


def test_ones_own_use(ada: Caller, bob: Caller) -> None:
    assert ada.get("stats").json()["average_response_time_ms"] is None
    ask(ada)
    answer_next("Hello")
    make_session(ada.user, is_active=False)
    make_message(make_session(ada.user, is_hidden=True))
    old = make_message(make_session(bob.user))
    ChatSession.objects.filter(id=old.session_id).update(message_count=1)
    ChatMessage.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=2))
    ChatMessage.objects.filter(role=Role.ASSISTANT).update(response_time_ms=500)
    figures = {
        "total_sessions": 2,
        "total_messages": 2,
        "active_sessions": 1,
        "messages_today": 2,
        "average_response_time_ms": 500.0,
        "most_used_provider": "LOCAL",
        "most_used_model": "paced",
    }
    assert ada.get("stats").json() == figures
    staff = Caller(make_user(is_staff=True))
    assert staff.get("stats").json() == figures | {
        "total_sessions": 3,
        "total_messages": 3,
        "active_sessions": 2,
    }


def test_providers_say_how_they_do(ada: Caller) -> None:
    unknown = dict.fromkeys(("latency_ms", "error_rate", "priority", "rests_until", "last_error"))
    idle = {"provider": "LOCAL", "model": "paced", "status": "available", "requests": 0, "is_enabled": True}
    assert ada.get("providers").json() == {"providers": [idle | unknown]}
    for error in (None, OutcomeError(code="x", message="X")):
        ask(ada)
        answer_next("Hello", error=error)
    body = ada.get("providers").json()["providers"][0]
    assert (body["requests"], body["error_rate"]) == (2, 0.5)
    assert body["latency_ms"] >= 0


def test_performance(ada: Caller, bob: Caller) -> None:
    session = ask(ada)
    answer_next("a", "b", "c")
    ask(bob)
    answer_next("d")
    mine = ada.get("performance").json()
    assert (mine["replies"], mine["succeeded"], mine["completion_tokens"]) == (1, 1, 3)
    assert mine["average_ttft_ms"] >= 0
    assert ada.get(f"sessions/{session.id}/performance").json() == mine
    assert bob.get(f"sessions/{session.id}/performance").status_code == 404
    assert Caller(make_user(is_staff=True)).get("performance").json()["replies"] == 2


def test_what_is_not_known_is_not_zero(ada: Caller) -> None:
    for metrics in ({"ttft_ms": 100, "tokens_per_second": 8.5}, {"ttft_ms": None}, {}):
        make_generation(make_session(ada.user), metrics=metrics)
    body = ada.get("performance").json()
    assert (body["average_ttft_ms"], body["average_tokens_per_second"]) == (100, 8.5)
    assert body["average_queue_ms"] is None


@pytest.mark.parametrize("path", ["stats", "providers", "performance"])
def test_they_take_few_queries(ada: Caller, path: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(6):
        assert ada.get(path).status_code == 200

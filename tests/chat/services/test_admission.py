"""The bounds of the queue, and what a refused person is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chat.models import ChatSession, Generation, GenerationStatus, Role, WorkerStatus
from chat.services.admission import estimate_tokens
from chat.services.errors import QueueFull, TooManyRequests
from chat.services.turns import Turn, start_turn
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_message, make_session, make_user
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _worker() -> None:
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"], slots=2)


def send(session: ChatSession | None = None, content: str = "Hello") -> Turn:
    session = session or make_session()
    return start_turn(user=session.owner, session_id=session.id, content=content)


def test_the_queue_holds_so_many_requests_of_all_users(settings: Any) -> None:
    settings.MAX_QUEUED = 2
    send()
    first = send()
    with pytest.raises(QueueFull, match="try again in 5 s") as caught:
        send()
    assert (caught.value.code, caught.value.retry_after) == ("queue_full", 5)
    Generation.objects.filter(id=first.generation.id).update(
        status=GenerationStatus.RUNNING, lease_until=timezone.now()
    )
    assert send().created


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_gets_the_last_place(settings: Any) -> None:
    settings.MAX_QUEUED = 1
    first, second = make_session(), make_session()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            send(first)
            late = pool.submit(send_and_hang_up, second)
            if connection.vendor == "postgresql":  # SQLite lets the second one begin no transaction
                wait_until(somebody_waits_for_the_queue, what="the second one waiting")
        with pytest.raises(QueueFull):
            late.result()


def send_and_hang_up(session: ChatSession) -> Turn:
    try:
        return send(session)
    finally:
        connection.close()


def somebody_waits_for_the_queue() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


def test_a_refused_turn_leaves_nothing_behind(settings: Any) -> None:
    settings.MAX_QUEUED = 1
    send()
    session = make_session()
    with pytest.raises(QueueFull):
        send(session)
    assert not session.messages.exists()


def test_the_queue_holds_so_many_prompt_tokens_but_always_one_request(settings: Any) -> None:
    settings.MAX_QUEUED_TOKENS = 100
    long = send(content="x" * 3000)
    assert long.generation.estimated_tokens == 1000
    with pytest.raises(QueueFull):
        send()
    Generation.objects.all().delete()
    send(content="x" * 150)
    with pytest.raises(QueueFull):
        send(content="x" * 153)
    assert send(content="x" * 150).created


def test_the_time_to_come_back_follows_the_pace(settings: Any) -> None:
    now = timezone.now()
    make_generation(
        status=GenerationStatus.SUCCEEDED, started_at=now - timedelta(seconds=30), finished_at=now
    )
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"], slots=2, busy=2)
    settings.MAX_QUEUED = 1
    send()
    with pytest.raises(QueueFull) as caught:
        send()
    assert caught.value.retry_after == 30
    heartbeat(name="v", status=WorkerStatus.READY, loaded_models=["quick"], slots=8)
    with pytest.raises(QueueFull) as caught:
        send()
    assert caught.value.retry_after == 30, "another model's free slots are of no use"


def test_the_limit_of_a_user_comes_first(settings: Any) -> None:
    settings.MAX_QUEUED = settings.MAX_QUEUED_PER_USER = 1
    session = make_session()
    send(session)
    with pytest.raises(TooManyRequests):
        send(make_session(session.owner))


def test_an_estimate_counts_what_came_before_and_the_new_message() -> None:
    session = make_session(make_user())
    before = make_generation(session, prompt_tokens=40, completion_tokens=10)
    assert estimate_tokens(make_message(session, "x" * 31)) == 11
    assert estimate_tokens(make_message(session, "ééé", parent=before.message)) == 52
    first = make_message(session, "s" * 30, role=Role.SYSTEM)
    second = make_message(session, "u" * 30, parent=first)
    assert estimate_tokens(make_message(session, "", parent=second)) == 20

"""What a worker's clerk watch does by the clock."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import ChatSession, Deletion, Panel, Visitor
from tests.support.factories import make_session, make_user
from workers import clerk
from workers.clerk import ClerkWatch

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_nobody_took_back_is_gone_within_the_next_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.chores.schedule", dict)
    session = make_session()
    over = timezone.now() - timedelta(seconds=1)
    Deletion.objects.create(user=session.owner, session_id=session.id, copy=b"x", until=over)
    old = ChatSession.objects.filter(id=session.id)
    old.update(temporary_until=over, created_at=over - timedelta(days=365))
    watch = ClerkWatch()
    watch.look()
    assert Deletion.objects.exists()
    watch._tidied_at -= clerk.TIDY_S + 1
    watch.look()
    assert not Deletion.objects.exists()
    assert not old.exists()


def test_a_job_is_tended_while_a_notice_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.chores.schedule", dict)
    monkeypatch.setattr(clerk, "LOOK_S", 0.01)
    sending, taken, arrived = threading.Event(), threading.Event(), threading.Event()

    def send() -> None:
        sending.set()
        arrived.wait()

    monkeypatch.setattr(clerk, "deliver_notices", send)
    watch = ClerkWatch()
    watch.start()
    try:
        assert sending.wait(10)
        monkeypatch.setattr(clerk, "take_job", taken.set)
        assert taken.wait(10)
    finally:
        arrived.set()
        watch.close(10)


def test_more_visitors_than_one_rounds_leave_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.chores.schedule", dict)
    monkeypatch.setattr("chat.services.panels.PURGED_AT_ONCE", 1)
    panel = Panel.objects.create(name="Help", owner=make_user(), allowed_origins=["https://example.org"])
    Visitor.objects.bulk_create(Visitor(user=make_user(), panel=panel) for _ in range(2))
    watch = ClerkWatch()
    watch._tidied_at -= clerk.TIDY_S + 1
    left = []
    for _ in range(3):
        watch.look()
        left.append(Visitor.objects.count())
    assert left == [1, 0, 0]

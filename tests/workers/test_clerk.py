"""What a worker's clerk watch does by the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import ChatSession, Deletion
from tests.support.factories import make_session
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

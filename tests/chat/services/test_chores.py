"""Whoever gets to a chore first does it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Chore
from chat.services.chores import claim_chore, finish_chore, is_chore_due

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_it_is_due_later_and_one_of_many_gets_it() -> None:
    assert not is_chore_due(name="backup", every=DAY)
    assert not claim_chore(name="backup", every=DAY)
    Chore.objects.filter(name="backup").update(begun_at=timezone.now() - 2 * DAY)
    assert not is_chore_due(name="other", every=DAY)
    assert is_chore_due(name="backup", every=DAY)
    assert [claim_chore(name="backup", every=DAY) for _ in range(3)] == [True, False, False]


def test_how_it_went_is_kept() -> None:
    is_chore_due(name="backup", every=DAY)
    assert Chore.objects.get().succeeded_at is None
    finish_chore(name="backup", detail="x" * 400)
    chore = Chore.objects.get()
    assert chore.succeeded_at is not None
    assert len(chore.detail) == 300

"""The control row: after an outage nobody takes what its owner could not extend."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.models import Generation, GenerationStatus, WorkerControl
from chat.services.generations import (
    LEASE,
    MAX_FAULTS,
    claim_generation,
    release_orphans,
    settle_abandoned,
    tick_control,
)
from chat.services.generations.leases import GAP
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db


def lose(**fields: Any) -> Generation:
    """A running generation whose lease has expired."""
    expired = timezone.now() - timedelta(seconds=1)
    return make_generation(
        status=GenerationStatus.RUNNING, attempt=1, worker="lost", lease_until=expired, **fields
    )


def last_tick(ago: timedelta) -> None:
    WorkerControl.objects.update(last_tick=timezone.now() - ago)


def reap_after() -> datetime:
    return WorkerControl.objects.get().reap_after


def take() -> bool:
    return claim_generation(worker="w", models=["paced"]) is not None


def test_with_regular_ticks_an_expired_lease_is_taken() -> None:
    lose()
    tick_control()
    last_tick(timedelta(seconds=1))
    assert tick_control()
    assert take()


def test_ticks_closer_together_than_half_a_second_write_nothing() -> None:
    assert not tick_control()
    assert not tick_control()
    assert WorkerControl.objects.count() == 1


def test_after_a_gap_nothing_is_taken_for_two_lease_times() -> None:
    lose()
    tick_control()
    last_tick(timedelta(seconds=10))
    assert tick_control()
    assert abs(reap_after() - timezone.now() - 2 * LEASE) < timedelta(seconds=1)
    assert not take()
    WorkerControl.objects.update(reap_after=timezone.now() - timedelta(seconds=1))
    assert take()


def test_who_claims_before_anybody_has_noticed_the_gap_takes_nothing() -> None:
    lose()
    tick_control()
    last_tick(GAP + timedelta(seconds=0.1))
    assert not take()


def test_what_waits_in_the_queue_is_claimed_all_the_same() -> None:
    tick_control()
    last_tick(timedelta(seconds=10))
    make_generation()
    assert take()


def test_a_later_tick_does_not_end_the_truce() -> None:
    tick_control()
    last_tick(timedelta(seconds=10))
    tick_control()
    until = reap_after()
    last_tick(timedelta(seconds=1))
    assert tick_control()
    assert reap_after() == until


def test_nobody_is_given_up_during_the_truce() -> None:
    lose(faults=MAX_FAULTS)
    lose(cancel_requested=True)
    tick_control()
    last_tick(timedelta(seconds=10))
    tick_control()
    assert settle_abandoned() == 0
    WorkerControl.objects.update(reap_after=timezone.now() - timedelta(seconds=1))
    assert settle_abandoned() == 2


def test_a_worker_that_was_restarted_puts_its_own_orphans_back_at_once() -> None:
    mine = lose()
    soon = timezone.now() + timedelta(seconds=4)
    others = make_generation(status=GenerationStatus.RUNNING, attempt=1, worker="other", lease_until=soon)
    hopeless = lose(faults=MAX_FAULTS)
    assert release_orphans(worker="lost") == 1
    mine.refresh_from_db()
    others.refresh_from_db()
    hopeless.refresh_from_db()
    assert (mine.status, mine.worker, mine.faults) == (GenerationStatus.QUEUED, "", 1)
    assert others.status == hopeless.status == GenerationStatus.RUNNING

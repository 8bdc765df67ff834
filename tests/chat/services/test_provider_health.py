"""The circuit breaker that all workers share, and the moving averages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import ProviderModel
from chat.selectors.providers import list_served, status_of
from chat.services.provider_health import (
    TOLERATED,
    admit_call,
    note_failure,
    note_first_token,
    note_refusal,
    note_success,
)
from chat.services.providers import add_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def served() -> ProviderModel:
    add_provider(slug="p", base_url="http://p", models={"m": "big"})
    return ProviderModel.objects.get()


def fail(served: ProviderModel, times: int = 1, rest_s: float | None = None) -> None:
    for _ in range(times):
        note_failure(served_id=served.id, message="No.", rest_s=rest_s)


def rest_is_over(served: ProviderModel) -> None:
    ProviderModel.objects.update(rests_until=timezone.now() - timedelta(seconds=1))


def status(served: ProviderModel) -> str:
    served.refresh_from_db()
    return status_of(served, timezone.now())


def test_it_opens_after_some_failures_in_a_row(served: ProviderModel) -> None:
    assert (admit_call(served_id=served.id), status(served)) == (0, "untried")
    fail(served, TOLERATED - 1)
    assert (admit_call(served_id=served.id), status(served)) == (0, "failing")
    fail(served)
    assert 4 < admit_call(served_id=served.id) <= 5
    assert status(served) == "resting"


def test_a_success_between_them_starts_the_count_anew(served: ProviderModel) -> None:
    fail(served, TOLERATED - 1)
    note_success(served_id=served.id)
    fail(served, TOLERATED - 1)
    assert admit_call(served_id=served.id) == 0


def test_one_call_tries_it_when_the_rest_is_over(served: ProviderModel) -> None:
    fail(served, TOLERATED)
    rest_is_over(served)
    assert admit_call(served_id=served.id) == 0
    assert 25 < admit_call(served_id=served.id) <= 30
    assert status(served) == "probing"
    note_first_token(served_id=served.id, latency_ms=5)
    assert admit_call(served_id=served.id) == 0
    note_success(served_id=served.id)
    assert status(served) == "available"


def test_a_failed_try_opens_it_for_twice_as_long(served: ProviderModel) -> None:
    fail(served, TOLERATED)
    rest_is_over(served)
    admit_call(served_id=served.id)
    fail(served)
    assert 9 < admit_call(served_id=served.id) <= 10
    fail(served, 20)
    assert 290 < admit_call(served_id=served.id) <= 300


def test_a_try_that_never_ends_is_followed_by_another(served: ProviderModel) -> None:
    fail(served, TOLERATED)
    rest_is_over(served)
    admit_call(served_id=served.id)
    ProviderModel.objects.update(probing_until=timezone.now() - timedelta(seconds=1))
    assert admit_call(served_id=served.id) == 0


def test_one_that_is_cut_off_after_its_first_token_opens_again_at_once(served: ProviderModel) -> None:
    fail(served, TOLERATED)
    rest_is_over(served)
    admit_call(served_id=served.id)
    note_first_token(served_id=served.id, latency_ms=5)
    fail(served)
    assert admit_call(served_id=served.id) > 0


def test_a_wish_to_be_left_alone_is_followed_at_once(served: ProviderModel) -> None:
    fail(served, rest_s=120)
    assert 119 < admit_call(served_id=served.id) <= 120
    fail(served)  # a call that was on its way
    assert 119 < admit_call(served_id=served.id) <= 120


def test_a_refusal_is_nobodys_failure(served: ProviderModel) -> None:
    note_refusal(served_id=served.id)
    served.refresh_from_db()
    assert (served.calls, served.failures, served.error_rate) == (1, 0, None)


def test_averages_move(served: ProviderModel) -> None:
    note_first_token(served_id=served.id, latency_ms=100)
    note_success(served_id=served.id)
    [row] = list_served()
    assert (row.latency_ms, row.error_rate, row.calls) == (100, 0, 1)
    note_first_token(served_id=served.id, latency_ms=200)
    fail(served)
    [row] = list_served()
    assert row.latency_ms == pytest.approx(110)
    assert row.error_rate == pytest.approx(0.1)
    assert row.calls == 2
    assert (row.last_error, row.last_error_at is None) == ("No.", False)


def test_a_row_that_was_removed_is_no_problem(served: ProviderModel) -> None:
    served_id = served.id
    ProviderModel.objects.all().delete()
    note_failure(served_id=served_id, message="No.", rest_s=None)
    note_success(served_id=served_id)
    assert admit_call(served_id=served_id) == 0

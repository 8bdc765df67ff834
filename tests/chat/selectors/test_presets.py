"""Models to choose from, and how they are doing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import ProviderModel
from chat.selectors.presets import model_choices
from chat.services.providers import add_provider
from tests.support.api import offer_model
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def states() -> dict[str, tuple[str, str, bool]]:
    return {each.slug: (each.provider, each.status, each.is_default) for each in model_choices(make_user())}


def test_a_model_of_our_own_is_up_while_a_worker_offers_it() -> None:
    offer_model("paced")
    assert states() == {"paced": ("LOCAL", "up", True)}


def test_a_remote_model_is_as_good_as_its_best_provider() -> None:
    add_provider(slug="far", base_url="http://far.example/v1", models={"x": "remote"})
    assert states()["remote"][:2] == ("far", "down")
    offer_model("remote")
    assert states()["remote"] == ("far", "up", True)
    ProviderModel.objects.update(failures=2, latency_ms=250.0)
    assert [each.latency_ms for each in model_choices(make_user())] == [250.0]
    assert states()["remote"][1] == "degraded"
    ProviderModel.objects.update(rests_until=timezone.now() + timedelta(minutes=1))
    assert states()["remote"][1] == "down"
    add_provider(slug="near", base_url="http://near.example/v1", models={"x": "remote"})
    assert states()["remote"][1] == "up"

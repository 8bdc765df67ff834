"""Models to choose from, and how they are doing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chat.models import GroupLimits, LanguageModel, ProviderModel
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


def test_two_queries_tell_of_any_number_of_models(django_assert_num_queries: Any) -> None:
    ann = make_user()
    for number in range(4):
        add_provider(slug=f"p{number}", base_url="http://p.example/v1", models={"x": "a", "y": f"b{number}"})
        offer_model(f"local-{number}", worker=f"w{number}")
        GroupLimits.objects.create(group=ann.groups.create(name=f"g{number}"), max_running=number)
    with django_assert_num_queries(2):
        assert len(model_choices(ann)) == 9


def test_groups_say_which_models_may_be_chosen() -> None:
    ann = make_user()
    for slug in ("paced", "tiny", "large"):
        offer_model(slug, worker=slug)
    assert [each.slug for each in model_choices(ann)] == ["large", "paced", "tiny"]
    for models in (["paced"], ["tiny", "gone"], []):
        group = ann.groups.create(name=str(models))
        GroupLimits.objects.create(group=group, allowed_models=models)
    Group.objects.create(name="others")
    chosen = [(each.slug, each.is_default) for each in model_choices(ann)]
    assert chosen == [("paced", True), ("tiny", False)]


def test_the_default_model_is_chosen_where_somebody_serves_it() -> None:
    add_provider(slug="far", base_url="http://far.example/v1", models={"x": "zebra", "y": "ant"})
    LanguageModel.objects.update(is_default=False)
    assert states()["ant"] == ("far", "down", True)
    LanguageModel.objects.filter(slug="zebra").update(is_default=True)
    assert states()["zebra"] == ("far", "down", True)
    offer_model("ant")
    assert states()["ant"] == ("far", "up", True)
    offer_model("zebra", worker="v")
    assert states()["zebra"] == ("far", "up", True)
    LanguageModel.objects.filter(slug="zebra").update(is_active=False)
    assert states()["zebra"][2] is False

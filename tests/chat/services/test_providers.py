"""Providers added, changed and switched; their keys kept; their models in the catalogue."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from chat.models import LanguageModel, Provider, ProviderModel
from chat.selectors.providers import list_served, remote_models, routes_of
from chat.services import providers
from chat.services.errors import Conflict, InvalidRequest, NotFound, ServiceError
from chat.services.sealing import seal, unseal

pytestmark = pytest.mark.django_db

URL = "https://openrouter.ai/api/v1"


def add(slug: str = "openrouter", **fields: Any) -> Provider:
    return providers.add_provider(
        **{"slug": slug, "base_url": URL, "models": {"meta/llama-3.1": ""}} | fields
    )


def test_a_providers_models_join_the_catalogue() -> None:
    add(base_url=URL + "/", models={"meta/llama-3.1": "", "qwen": "big"})
    assert Provider.objects.get().base_url == URL
    assert remote_models() == ["big", "meta-llama-3-1"]
    model = LanguageModel.objects.get(slug="meta-llama-3-1")
    assert (model.is_remote, model.is_active, model.is_default) == (True, True, True)
    assert [row.status for row in list_served()] == ["untried", "untried"]


def test_several_providers_of_one_model_are_asked_by_priority() -> None:
    add("second", priority=20, models={"a": "big"})
    add("third", priority=30, models={"b": "big"})
    add("first", priority=10, models={"c": "big"})
    assert [row.provider.slug for row in routes_of(model="big")] == ["first", "second", "third"]
    providers.change_provider(slug="first", is_enabled=False)
    providers.change_provider(slug="third", priority=1)
    assert [row.remote_name for row in routes_of(model="big")] == ["b", "a"]
    assert [row.remote_name for row in routes_of(model="big", provider="second")] == ["a"]


def test_what_nobody_serves_any_more_cannot_be_chosen() -> None:
    add("first", models={"a": "big", "b": "small"})
    add("second", models={"a": "big"})
    providers.remove_provider(slug="first")
    assert set(LanguageModel.objects.filter(is_active=True).values_list("slug", flat=True)) == {"big"}
    providers.stop_serving(provider="second", model="big")
    assert not LanguageModel.objects.filter(is_active=True).exists()
    with pytest.raises(NotFound):
        providers.stop_serving(provider="second", model="big")
    providers.serve_model(provider="second", remote_name="a", model="big")
    assert LanguageModel.objects.get(slug="big").is_active


def test_our_own_models_keep_their_names() -> None:
    LanguageModel.objects.create(slug="demo", size_bytes=1, context_length=1)
    with pytest.raises(Conflict, match="demo"):
        add(models={"x": "demo"})
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"slug": "Open Router"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "local"}, "slug"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"base_url": "https://user:pw@host/v1"}, "base_url"),
        ({"base_url": "https://host/v1?x=1"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "https://host:99999/v1"}, "base_url"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "sk-\n"}, "api_key"),
        ({"api_key_env": "SECRET_KEY"}, "api_key_env"),
        ({"api_key_env": "DATABASE_URL"}, "api_key_env"),
        ({"continuation": "magic"}, "continuation"),
        ({"accepts": ["top_k"]}, "accepts"),
        ({"accepts": {"colour": "red"}}, "accepts"),
        ({"max_streams": 0}, "max_streams"),
        ({"idle_timeout_s": -1}, "idle_timeout_s"),
        ({"idle_timeout_s": "soon"}, "idle_timeout_s"),
        ({"sealed_api_key": "x"}, "sealed_api_key"),
        ({"models": {"": "x"}}, "models"),
        ({"models": {"x": "Not A Slug"}}, "models"),
    ],
)
def test_nonsense_is_refused_with_the_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        add(**fields)
    assert refused.value.field == field
    assert not Provider.objects.exists()


def test_a_name_is_taken_once() -> None:
    add()
    with pytest.raises(Conflict):
        add()
    with pytest.raises(NotFound):
        providers.change_provider(slug="nobody", priority=1)


def test_a_key_is_sealed_and_replaced_by_the_name_of_a_variable() -> None:
    row = add(api_key="sk-secret")
    assert "secret" not in row.sealed_api_key
    assert unseal(row.sealed_api_key) == "sk-secret"
    row = providers.change_provider(slug="openrouter", priority=3)
    assert unseal(row.sealed_api_key) == "sk-secret"
    row = providers.change_provider(slug="openrouter", api_key_env="OPENROUTER_API_KEY")
    assert (row.sealed_api_key, row.api_key_env) == ("", "OPENROUTER_API_KEY")
    row = providers.change_provider(slug="openrouter", api_key="sk-other")
    assert (unseal(row.sealed_api_key), row.api_key_env) == ("sk-other", "")


def test_another_secret_key_opens_nothing() -> None:
    sealed = seal("sk-secret")
    with override_settings(SECRET_KEY="another"):
        assert unseal(sealed) is None


def test_a_refusal_never_repeats_the_key() -> None:
    with pytest.raises(ServiceError) as refused:
        add(api_key="sk secret")
    assert "secret" not in refused.value.message


def test_a_change_forgets_what_the_provider_was_blamed_for() -> None:
    add()
    ProviderModel.objects.update(failures=9)
    providers.change_provider(slug="openrouter", is_enabled=True)
    assert ProviderModel.objects.get().failures == 0

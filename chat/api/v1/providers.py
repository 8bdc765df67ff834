"""Providers of remote models: how they do for everybody, and switching them for administrators."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import SecretStr

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import example
from chat.api.v1.schemas import Done, Strict
from chat.selectors.statistics import provider_statuses
from chat.services import providers
from chat.services.errors import Forbidden

router = Router(tags=["providers"], auth=LOGGED_IN)


class ProviderOut(Schema):
    """One model of one provider, ours (`LOCAL`) first. `status`: of ours available or unavailable; of others
    available, untried, failing, resting, probing or disabled.

    Of ours `latency_ms` is of whole replies and figures are of the last hour; of others it is to the first
    token, and it and `error_rate` are moving averages over calls. `last_error` is for staff.
    """

    provider: str
    model: str
    status: str
    latency_ms: float | None
    error_rate: float | None
    requests: int
    is_enabled: bool
    priority: int | None
    rests_until: datetime | None
    last_error: str | None


class Providers(Schema):
    """What can answer."""

    providers: list[ProviderOut]


class ProviderSettings(Schema):
    """What administrators may change. `api_key` is stored sealed and never given back; `models` maps the
    provider's names of models to ours.
    """

    model_config = Strict.model_config | example(is_enabled=False)

    base_url: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    is_enabled: bool | None = None
    priority: int | None = None
    continuation: str | None = None
    accepts: dict[str, str] | None = None
    connect_timeout_s: float | None = None
    first_token_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    max_streams: int | None = None
    models: dict[str, str] = {}


class ProviderIn(ProviderSettings):
    """A new provider."""

    model_config = example(
        slug="openrouter", base_url="https://openrouter.ai/api/v1", models={"qwen/qwen3": "qwen"}
    )

    slug: str
    base_url: str


@router.get("providers", response=Providers, summary="What can answer")
def get_providers(request: HttpRequest) -> Any:
    """Status, latency and error rate of every provider and model."""
    is_staff = user_of(request).is_staff
    rows = [asdict(status) for status in provider_statuses()]
    return {"providers": [row | ({} if is_staff else {"last_error": None}) for row in rows]}


@router.post("providers", response={201: Done}, summary="Add a provider")
def post_provider(request: HttpRequest, body: ProviderIn) -> Status[Done]:
    """For administrators: its address is one that workers then connect to."""
    _require_administrator(request)
    providers.add_provider(slug=body.slug, base_url=body.base_url, models=body.models, **_settings(body))
    return Status(201, Done(message=f"The provider {body.slug} was added."))


@router.put("providers/{slug}", response=Done, summary="Change, enable or disable a provider")
def put_provider(request: HttpRequest, slug: str, body: ProviderSettings) -> Done:
    """For administrators. What is left out stays; workers notice within two seconds."""
    _require_administrator(request)
    base_url = {} if body.base_url is None else {"base_url": body.base_url}
    providers.change_provider(slug=slug, **base_url, **_settings(body))
    for remote_name, model in body.models.items():
        providers.serve_model(provider=slug, remote_name=remote_name, model=model)
    return Done(message=f"The provider {slug} was changed.")


@router.delete("providers/{slug}", response=Done, summary="Remove a provider")
def delete_provider(request: HttpRequest, slug: str) -> Done:
    """For administrators. Models that nobody else serves can no longer be chosen."""
    _require_administrator(request)
    providers.remove_provider(slug=slug)
    return Done(message=f"The provider {slug} was removed.")


def _require_administrator(request: HttpRequest) -> None:
    if not user_of(request).is_superuser:
        raise Forbidden("Only administrators may change providers.")


def _settings(body: ProviderSettings) -> dict[str, Any]:
    settings = body.dict(exclude_none=True, exclude={"slug", "base_url", "models", "api_key"})
    key = {} if body.api_key is None else {"api_key": body.api_key.get_secret_value()}
    return settings | key

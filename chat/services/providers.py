"""Providers of remote models: added, changed and switched while everything runs.

Only administrators reach these services: a provider's address is one that our workers then connect to, and so
may be one inside our network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from chat.models import LanguageModel, Provider, ProviderModel
from chat.services.errors import Conflict, InvalidRequest, NotFound
from chat.services.sealing import seal
from inference.types.sampling import SamplingParams

KEY_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,80}_API_KEY")
MAX_KEY = 1000
RESERVED = ("local",)
ACCEPTABLE = frozenset(SamplingParams.__struct_fields__) - {
    "stop",
    "response_format",
    "logprobs",
    "top_logprobs",
}
CHANGEABLE = frozenset(
    {
        *("base_url", "api_key", "api_key_env", "is_enabled", "priority", "continuation", "accepts"),
        *("connect_timeout_s", "first_token_timeout_s", "idle_timeout_s", "max_streams"),
    }
)


def add_provider(*, slug: str, base_url: str, models: Mapping[str, str], **fields: Any) -> Provider:
    """A new provider. `models` maps its names of models to ours; an empty one is made from its name.

    `fields` are as for `change_provider`. Raises `InvalidRequest` or `Conflict`.
    """
    if not slug or slugify(slug) != slug or slug in RESERVED:
        raise InvalidRequest(
            "'%(slug)s' is not a name for a provider: use a-z, 0-9 and hyphens.",
            field="slug",
            values={"slug": slug},
        )
    with transaction.atomic():
        if Provider.objects.filter(slug=slug).exists():
            raise Conflict("There is already a provider named %(slug)s.", field="slug", values={"slug": slug})
        provider = Provider(slug=slug)
        _write(provider, {"base_url": base_url, **fields})
        for remote_name, model in models.items():
            serve_model(provider=slug, remote_name=remote_name, model=model)
    return provider


def change_provider(*, slug: str, **fields: Any) -> Provider:
    """Change some of `base_url`, `api_key` (stored sealed), `api_key_env`, `is_enabled`, `priority`,
    `continuation`, `accepts`, the time-outs and `max_streams`. What it was blamed for is forgotten.
    """
    with transaction.atomic():
        provider = _find(slug)
        _write(provider, fields)
        provider.models.update(failures=0, rests_until=None, probing_until=None)
    return provider


def remove_provider(*, slug: str) -> None:
    """Forget a provider. Models that nobody else serves can no longer be chosen."""
    with transaction.atomic():
        provider = _find(slug)
        models = list(provider.models.values_list("model_id", flat=True))
        provider.delete()
        _retire(models)


def serve_model(*, provider: str, remote_name: str, model: str = "") -> ProviderModel:
    """Let a provider serve `model` under its own name for it; the catalogue gets a row for a new one."""
    if not remote_name.strip() or len(remote_name) > 200 or not remote_name.isprintable():
        raise InvalidRequest("A provider's model needs a name of at most 200 characters.", field="models")
    slug = model or slugify(re.sub(r"[^\w-]+", "-", remote_name))[:100].strip("-")
    if slugify(slug) != slug or not slug or len(slug) > 100:
        raise InvalidRequest(
            "'%(slug)s' is not a slug: use a-z, 0-9 and hyphens.", field="models", values={"slug": slug}
        )
    with transaction.atomic():
        row = LanguageModel.objects.select_for_update().filter(slug=slug).first()
        if row is not None and not row.is_remote:
            raise Conflict(
                "%(slug)s is a model of our own: choose another name for it here.",
                field="models",
                values={"slug": slug},
            )
        if row is None:
            row = LanguageModel(slug=slug, name=slug, source=f"remote:{slug}", is_remote=True)
            row.size_bytes = row.context_length = 0
        row.is_active = True
        row.is_default = row.is_default or not LanguageModel.objects.filter(is_default=True).exists()
        row.save()
        served, _ = ProviderModel.objects.update_or_create(
            provider=_find(provider), model=row, defaults={"remote_name": remote_name}
        )
    return served


def stop_serving(*, provider: str, model: str) -> None:
    """A provider no longer serves a model."""
    with transaction.atomic():
        row = ProviderModel.objects.filter(provider=_find(provider), model__slug=model).first()
        if row is None:
            raise NotFound(
                "%(provider)s serves no model named %(model)s.",
                field="model",
                values={"provider": provider, "model": model},
            )
        row.delete()
        _retire([row.model_id])


def _find(slug: str) -> Provider:
    provider = Provider.objects.select_for_update().filter(slug=slug).first()
    if provider is None:
        raise NotFound(
            "There is no provider named %(slug)s: see `provider list`.", field="slug", values={"slug": slug}
        )
    return provider


def _retire(models: list[Any]) -> None:
    LanguageModel.objects.filter(pk__in=models, providers=None).update(is_active=False, is_default=False)


def _write(provider: Provider, fields: Mapping[str, Any]) -> None:
    unknown = sorted(set(fields) - CHANGEABLE)
    if unknown:
        raise InvalidRequest("A provider has no %(name)s.", field=unknown[0], values={"name": unknown[0]})
    for name, value in fields.items():
        if name != "api_key":
            setattr(provider, name, value)
    provider.base_url = provider.base_url.rstrip("/")
    _set_key(provider, fields)
    _check_url(provider.base_url)
    _check_accepts(provider.accepts)
    try:
        provider.clean_fields(exclude=["base_url", "sealed_api_key"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidRequest(
            "%(field)s is not valid: %(problems)s",
            field=field,
            values={"field": field, "problems": " ".join(messages)},
        ) from None
    provider.save()


def _set_key(provider: Provider, fields: Mapping[str, Any]) -> None:
    """A key of its own replaces the name of a variable, and the other way round."""
    key = str(fields.get("api_key") or "")
    if key:
        if len(key) > MAX_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidRequest("api_key is not a key: no spaces, ASCII only.", field="api_key")
        provider.sealed_api_key, provider.api_key_env = seal(key), ""
    elif "api_key_env" in fields or "api_key" in fields:
        provider.sealed_api_key = ""
    if provider.api_key_env and not KEY_VARIABLE.fullmatch(provider.api_key_env):
        # Any other name could send one of our own secrets to the provider.
        message = "api_key_env must be a name that ends with _API_KEY, such as OPENROUTER_API_KEY."
        raise InvalidRequest(message, field="api_key_env")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or {"@", "?", "#"} & set(url):
        message = "base_url must be like https://openrouter.ai/api/v1, without user or query."
        raise InvalidRequest(message, field="base_url")


def _check_accepts(accepts: object) -> None:
    if not isinstance(accepts, dict) or not all(isinstance(name, str) for name in accepts.values()):
        raise InvalidRequest("accepts must map our options to the provider's names.", field="accepts")
    for name in accepts:
        if name not in ACCEPTABLE:
            raise InvalidRequest(
                "accepts: there is no option named '%(name)s' to send.",
                field="accepts",
                values={"name": name},
            )

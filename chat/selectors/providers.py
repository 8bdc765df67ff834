"""Who serves which remote model, and how that is going."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from chat.models import Provider, ProviderModel
from chat.selectors.prepared import Prepared


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """One model of one provider. `status`: available, untried, failing, resting, probing or disabled.

    `latency_ms` is to the first token; it and `error_rate` are moving averages over recent calls, None
    before the first. `last_error` is for administrators.
    """

    provider: str
    model: str
    remote_name: str
    status: str
    is_enabled: bool
    priority: int
    latency_ms: float | None
    error_rate: float | None
    calls: int
    rests_until: datetime | None
    last_error: str
    last_error_at: datetime | None


def routes_of(*, model: str, provider: str = "") -> list[ProviderModel]:
    """The enabled providers of a model in the order in which they are asked; only one where it is named."""
    rows = _enabled().filter(model__slug=model).select_related("provider")
    return list(rows.filter(provider__slug=provider) if provider else rows)


def enabled_routes(models: Sequence[str]) -> dict[str, list[ProviderModel]]:
    """The enabled providers of each model, in the order in which they are asked."""
    routes: dict[str, list[ProviderModel]] = {}
    for row in _enabled().filter(model__slug__in=models).select_related("provider", "model"):
        routes.setdefault(row.model.slug, []).append(row)
    return routes


def is_resting(row: ProviderModel) -> bool:
    """Whether nobody should call it just now."""
    return row.rests_until is not None and row.rests_until > timezone.now()


def providers_of(model: str) -> list[str]:
    """The names of a model's enabled providers, first choice first; empty for a model of our own."""
    return list(_enabled().filter(model__slug=model).values_list("provider__slug", flat=True))


def models_at(provider: str) -> list[str]:
    """What an enabled provider serves; empty when there is none of that name."""
    return list(_enabled().filter(provider__slug=provider).values_list("model__slug", flat=True))


def is_known_provider(name: str) -> bool:
    """Whether there is a provider of that name, in use or not."""
    return Provider.objects.filter(slug=name).exists()


def remote_models() -> list[str]:
    """Slugs of the models that an enabled provider serves, sorted."""
    return sorted({slug for (slug,) in _remote.rows()})


@Prepared
def _remote() -> QuerySet[ProviderModel, Any]:
    return _enabled().values_list("model__slug")


def list_served() -> list[ServedModel]:
    """Every model of every provider, in the order in which they are asked."""
    rows = ProviderModel.objects.select_related("provider", "model")
    now = timezone.now()
    return [
        ServedModel(
            provider=row.provider.slug,
            model=row.model.slug,
            remote_name=row.remote_name,
            status=status_of(row, now),
            is_enabled=row.provider.is_enabled,
            priority=row.provider.priority,
            latency_ms=row.latency_ms,
            error_rate=row.error_rate,
            calls=row.calls,
            rests_until=row.rests_until,
            last_error=row.last_error,
            last_error_at=row.last_error_at,
        )
        for row in rows
    ]


def status_of(row: ProviderModel, now: datetime) -> str:
    """One word for how a provider's model is doing."""
    return status_word(
        is_enabled=row.provider.is_enabled,
        calls=row.calls,
        failures=row.failures,
        rests_until=row.rests_until,
        probing_until=row.probing_until,
        now=now,
    )


def status_word(
    *,
    is_enabled: bool,
    calls: int,
    failures: int,
    rests_until: datetime | None,
    probing_until: datetime | None,
    now: datetime,
) -> str:
    """The same from the columns of a query."""
    if not is_enabled:
        return "disabled"
    if probing_until is not None and probing_until > now:
        return "probing"
    if rests_until is not None:
        return "resting" if rests_until > now else "failing"
    if failures:
        return "failing"
    return "available" if calls else "untried"


def _enabled() -> QuerySet[ProviderModel]:
    return ProviderModel.objects.filter(provider__is_enabled=True, model__is_active=True)

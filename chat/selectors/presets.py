"""What a chat may begin with: presets, and the models with how they are doing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from chat.models import LanguageModel, Preset, User
from chat.models.catalogue import ENCODERS
from chat.selectors.limits import offered_and_allowed
from chat.selectors.providers import status_word

OUR_OWN = "LOCAL"
HEALTH = ("calls", "failures", "rests_until", "probing_until")
UP, DOWN = frozenset({"available", "untried"}), frozenset({"resting", "disabled"})


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """A model, who answers for it, and how that is going: `up`; `degraded` where calls have failed lately;
    `down` where nobody answers now. `latency_ms` is what a provider takes to its first token, lately.
    """

    slug: str
    provider: str
    status: Literal["up", "degraded", "down"]
    latency_ms: float | None
    is_default: bool


def presets_of(user: User) -> QuerySet[Preset]:
    """One's own and the shared ones."""
    return Preset.objects.filter(Q(owner=user) | Q(is_shared=True))


class _Serving(NamedTuple):
    """Who answers for a model."""

    provider: str
    status: str
    latency_ms: float | None


OURSELVES = _Serving(OUR_OWN, "available", None)


@dataclass(frozen=True, kw_only=True)
class _Model:
    """One of the catalogue. `served` by providers in the order in which they are asked, or by us."""

    is_active: bool
    is_encoder: bool
    served: list[_Serving] = field(default_factory=list)


def model_choices(user: User) -> list[ModelChoice]:
    """The models this person may use, by name; two queries. The default is chosen if somebody serves it."""
    catalogue = _read_catalogue()
    offered, allowed = offered_and_allowed(user)
    active = [slug for slug, model in catalogue.items() if model.is_active]
    usable = [slug for slug in sorted(offered.union(active)) if allowed is None or slug in allowed]
    default = next((slug for slug in active if not catalogue[slug].is_encoder), min(offered, default=None))
    available = [slug for slug in usable if slug in offered]
    chosen = default if default in available else next(iter(available), default)
    choices = []
    for slug in usable:
        served = (catalogue[slug].served if slug in catalogue else []) or [OURSELVES]
        choices.append(
            ModelChoice(
                slug=slug,
                provider=served[0].provider,
                status=_status(each.status for each in served) if slug in offered else "down",
                latency_ms=served[0].latency_ms,
                is_default=slug == chosen,
            )
        )
    return choices


def _read_catalogue() -> dict[str, _Model]:
    """By name, the default one first."""
    order = ("-is_default", "slug", "providers__provider__priority", "providers__provider__slug")
    health = {name: F(f"providers__{name}") for name in HEALTH} | {
        "is_enabled": F("providers__provider__is_enabled")
    }
    rows = LanguageModel.objects.order_by(*order).values(
        *("slug", "is_active", "architecture"),
        provider=F("providers__provider__slug"),
        latency_ms=F("providers__latency_ms"),
        **health,
    )
    now = timezone.now()
    catalogue: dict[str, _Model] = {}
    for row in rows:
        is_encoder = row["architecture"] in ENCODERS
        model = catalogue.setdefault(row["slug"], _Model(is_active=row["is_active"], is_encoder=is_encoder))
        if row["provider"] is not None:
            status = status_word(now=now, **{name: row[name] for name in health})
            model.served.append(_Serving(row["provider"], status, row["latency_ms"]))
    return catalogue


def _status(providers: Iterable[str]) -> Literal["up", "degraded", "down"]:
    """Of a model that a worker offers: as good as the best of its providers."""
    words = set(providers)
    if UP & words:
        return "up"
    return "down" if words <= DOWN else "degraded"

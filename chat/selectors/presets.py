"""What a chat may begin with: presets, and the models with how they are doing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from django.db.models import Q, QuerySet

from chat.models import Preset, User
from chat.selectors.limits import usable_models
from chat.selectors.providers import list_served
from chat.selectors.workers import default_model

OUR_OWN = "LOCAL"
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


def model_choices(user: User) -> list[ModelChoice]:
    """The models this person may use, by name. The default one is chosen if somebody serves it."""
    usable = usable_models(user)
    served = defaultdict(list)
    for row in list_served():
        served[row.model].append(row)
    offered = [slug for slug, is_offered in usable.items() if is_offered]
    default = default_model()
    chosen = default if default in offered else next(iter(offered), default)
    return [
        ModelChoice(
            slug=slug,
            provider=served[slug][0].provider if slug in served else OUR_OWN,
            status=_status([row.status for row in served.get(slug, [])]) if is_offered else "down",
            latency_ms=served[slug][0].latency_ms if slug in served else None,
            is_default=slug == chosen,
        )
        for slug, is_offered in usable.items()
    ]


def _status(providers: list[str]) -> Literal["up", "degraded", "down"]:
    """Of a model that a worker offers: as good as the best of its providers."""
    if not providers or UP.intersection(providers):
        return "up"
    return "down" if DOWN.issuperset(providers) else "degraded"

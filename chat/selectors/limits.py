"""What somebody may use, by the limits of their groups and else by the server's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet, Sum, Value
from django.utils import timezone

from chat.models import BatchLine, Generation, GroupLimits, User
from chat.selectors.prepared import Param, Prepared, read_as
from chat.selectors.workers import available_models, live_workers

LIMITS = ("allowed_models", "tokens_per_day", "max_running", "max_queued")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`models` is None where every model may be used, `tokens_per_day` where nobody counts."""

    models: frozenset[str] | None
    tokens_per_day: int | None
    max_running: int
    max_queued: int

    def allows(self, model: str) -> bool:
        """Whether the model may be used."""
        return self.models is None or model in self.models


def limits_of(user: User) -> Limits:
    """In one query; of several groups the most generous counts."""
    rows = [read_as(GroupLimits, LIMITS, row) for row in _limits.rows(user=user.id)]
    return Limits(
        models=_together(row.allowed_models for row in rows),
        tokens_per_day=_most(row.tokens_per_day for row in rows),
        max_running=_most(row.max_running for row in rows) or settings.MAX_RUNNING_PER_USER,
        max_queued=_most(row.max_queued for row in rows) or settings.MAX_QUEUED_PER_USER,
    )


@Prepared
def _limits() -> QuerySet[GroupLimits, Any]:
    return GroupLimits.objects.filter(group__user=Param("user", User, "id")).values_list(*LIMITS)


def offered_and_allowed(user: User) -> tuple[frozenset[str], frozenset[str] | None]:
    """What live workers serve, and `Limits.models` of somebody, in one query."""
    offered = live_workers().order_by().values_list(Value("worker"), "offered_models")
    allowed = GroupLimits.objects.filter(group__user=user).values_list(Value("group"), "allowed_models")
    lists: dict[str, list[list[str]]] = {"worker": [], "group": []}
    for of, slugs in offered.union(allowed, all=True):
        lists[of].append(slugs)
    return frozenset().union(*lists["worker"]), _together(lists["group"])


def usable_models(user: User) -> dict[str, bool]:
    """Those of `available_models` that this person may use."""
    limits = limits_of(user)
    return {slug: is_offered for slug, is_offered in available_models().items() if limits.allows(slug)}


def tokens_since(user: User, start: datetime) -> int:
    """What somebody's replies and batch lines have taken since then."""
    spent = Sum(F("prompt_tokens") + F("completion_tokens"))
    replies = Generation.objects.filter(user=user, created_at__gte=start).aggregate(spent=spent)["spent"]
    lines = BatchLine.objects.filter(job__user=user, finished_at__gte=start).aggregate(spent=spent)["spent"]
    return (replies or 0) + (lines or 0)


def midnight() -> datetime:
    """When today began, in UTC."""
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def _together(lists: Iterable[list[str]]) -> frozenset[str] | None:
    """A list that names none is not limited, and says nothing about the others."""
    named = [slugs for slugs in lists if slugs]
    return frozenset().union(*named) if named else None


def _most(limits: Iterable[int | None]) -> int | None:
    return max((limit for limit in limits if limit is not None), default=None)

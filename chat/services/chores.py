"""Who does a recurring task, and how it went."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from chat.models import Chore


def is_chore_due(*, name: str, every: timedelta) -> bool:
    """It is `every` after it was begun, or first asked for: a start has enough to do."""
    Chore.objects.get_or_create(name=name, defaults={"begun_at": Now()})
    return _due(name, every).exists()


def claim_chore(*, name: str, every: timedelta) -> bool:
    """Whether it is due and the caller's to do now. The database chooses: of many that ask, one gets it."""
    return bool(_due(name, every).update(begun_at=Now()))


def finish_chore(*, name: str, detail: str) -> None:
    """It went well; `detail` says what was done."""
    Chore.objects.filter(name=name).update(succeeded_at=Now(), detail=detail[:300])


def _due(name: str, every: timedelta) -> QuerySet[Chore]:
    return Chore.objects.filter(name=name, begun_at__lte=Now() - every)

"""Time on leases: by the database's clock alone, and never against workers that could not reach it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from chat.models import Generation, GenerationStatus, WorkerControl
from chat.selectors.prepared import Prepared, PreparedUpdate, id_params, ids_given

LEASE = timedelta(seconds=4)
RENEW_BELOW = timedelta(seconds=3)
GAP = timedelta(seconds=2)
"""So long without any worker's tick is an outage. Shorter ones let no lease expire: see `RENEW_BELOW`."""

TICK_EVERY = timedelta(seconds=0.5)


def database_time(offset: timedelta) -> Combinable:
    """A moment by the database's clock, the only clock that leases know."""
    return ExpressionWrapper(Now() + Value(offset, DurationField()), DateTimeField())


LEASE_EXPIRED = Q(status=GenerationStatus.RUNNING, lease_until__lt=Now())

# Both halves matter: who comes back first may claim before anybody has ticked and noticed the gap.
TAKEOVERS_HELD = Q(reap_after__gt=Now()) | Q(last_tick__lt=database_time(-GAP))
REAPABLE = LEASE_EXPIRED & ~Exists(WorkerControl.objects.filter(TAKEOVERS_HELD))
"""A lease that has expired while its owner could have extended it."""


def tick_control() -> bool:
    """Say that the database can be reached, about once a second. False when somebody just has.

    After a gap every lease gets two lease times to be extended before anybody may take it over.
    """
    ticked = bool(_ticked.run())
    if not ticked and not _control.rows():
        first = WorkerControl(last_tick=Now(), reap_after=Now())
        WorkerControl.objects.bulk_create([first], ignore_conflicts=True)
    return ticked


@PreparedUpdate
def _ticked() -> tuple[QuerySet[WorkerControl], dict[str, Any]]:
    gap = Q(last_tick__lt=database_time(-GAP))
    reap_after = Case(When(gap, then=database_time(2 * LEASE)), default=F("reap_after"))
    rows = WorkerControl.objects.filter(last_tick__lt=database_time(-TICK_EVERY))
    return rows, {"reap_after": reap_after, "last_tick": Now()}


@Prepared
def _control() -> QuerySet[WorkerControl, Any]:
    return WorkerControl.objects.values_list("id")


def renew_leases(*, generation_ids: Collection[UUID]) -> None:
    """Extend leases the caller holds locked; those with most of their time left need no write."""
    if generation_ids:
        _renewed.run(len(generation_ids), **ids_given(generation_ids))


@PreparedUpdate
def _renewed(count: int) -> tuple[QuerySet[Generation], dict[str, Any]]:
    ids = id_params(Generation, count)
    running_low = Generation.objects.filter(id__in=ids, lease_until__lt=database_time(RENEW_BELOW))
    return running_low, {"lease_until": database_time(LEASE)}

"""A circuit breaker and moving averages for every provider's model, in its row: all workers see the same.

After `TOLERATED` failures in a row it opens: nobody calls the provider. When its time is over one caller, the
one whose UPDATE counts, may try; its first token closes the breaker, its failure opens it for twice as long.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, ExpressionWrapper, F, FloatField, PositiveIntegerField, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Least, Now

from chat.models import ProviderModel
from chat.services.generations.leases import database_time

TOLERATED = 3
REST = timedelta(seconds=5)
LONGEST_REST = timedelta(minutes=5)
PROBE = timedelta(seconds=30)
"""How long one caller is waited for before another may try."""

WEIGHT = 0.1
"""Of the latest call in a moving average: half of it is the last seven calls."""


def admit_call(*, served_id: UUID) -> float:
    """Zero when a call may be made now; otherwise for how many seconds it should not."""
    row = _read(served_id)
    if row is None or (row.rests_until is None and row.failures < TOLERATED):
        return 0.0
    over = (Q(rests_until__isnull=True) | Q(rests_until__lte=Now())) & (
        Q(probing_until__isnull=True) | Q(probing_until__lte=Now())
    )
    # The database chooses the one that may try.
    if ProviderModel.objects.filter(over, id=served_id).update(probing_until=database_time(PROBE)):
        return 0.0
    ends = [end for end in (row.rests_until, row.probing_until) if end is not None]
    return max(0.5, (max(ends) - row.now).total_seconds()) if ends else 0.5


def note_first_token(*, served_id: UUID, latency_ms: float) -> None:
    """It answers: the breaker closes. Only an answer that is whole clears what it was blamed for."""
    _update(
        served_id,
        latency_ms=_average("latency_ms", latency_ms),
        rests_until=None,
        probing_until=None,
        failures=Least(F("failures"), TOLERATED - 1, output_field=PositiveIntegerField()),
    )


def note_success(*, served_id: UUID) -> None:
    """A call that went well."""
    _update(
        served_id,
        calls=F("calls") + 1,
        error_rate=_average("error_rate", 0.0),
        failures=0,
        rests_until=None,
        probing_until=None,
    )


def note_refusal(*, served_id: UUID) -> None:
    """It did not take a request that was at fault itself; says nothing about its health."""
    _update(served_id, calls=F("calls") + 1, probing_until=None)


def note_failure(*, served_id: UUID, message: str, rest_s: float | None) -> None:
    """A call that failed. With `rest_s` it rests for so long; otherwise when it has failed too often."""
    row = _read(served_id)
    if row is None:
        return
    rest = timedelta(seconds=rest_s) if rest_s is not None else _rest_after(row.failures + 1)
    resting = {} if rest is None else {"rests_until": database_time(rest)}
    _update(
        served_id,
        calls=F("calls") + 1,
        error_rate=_average("error_rate", 1.0),
        failures=F("failures") + 1,
        probing_until=None,
        last_error=message[:500],
        last_error_at=Now(),
        **resting,
    )


def _rest_after(failures: int) -> timedelta | None:
    if failures < TOLERATED:
        return None
    return min(LONGEST_REST, REST * (1 << min(failures - TOLERATED, 10)))


def _read(served_id: UUID) -> Any:
    now = ExpressionWrapper(Now(), DateTimeField())
    return ProviderModel.objects.filter(id=served_id).annotate(now=now).first()


def _update(served_id: UUID, **fields: Any) -> None:
    ProviderModel.objects.filter(id=served_id).update(**fields)


def _average(field: str, latest: float) -> Combinable:
    older = F(field) * (1 - WEIGHT) + latest * WEIGHT
    return Coalesce(older, Value(latest), output_field=FloatField())

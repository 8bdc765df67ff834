"""Counting the hours that are over, once each."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from chat.models import Generation, UsageHour
from chat.selectors.usage import DAY, HOUR, count_hours, floor_hour

SETTLES = timedelta(minutes=1)
"""Replies end by the database's clock, which may be a little behind this one."""


def count_usage() -> int:
    """Count every hour that is over and not counted; returns how many rows that made. Again is harmless."""
    until = floor_hour(timezone.now() - SETTLES)
    made = 0
    while (begin := _first_uncounted()) is not None and begin < until:
        found = count_hours(begin, min(until, begin + DAY))
        rows = [
            UsageHour(hour=hour, model=model, **vars(amounts)) for (hour, model), amounts in found.items()
        ]
        UsageHour.objects.bulk_create(rows, ignore_conflicts=True)
        made += len(rows)
    return made


def _first_uncounted() -> datetime | None:
    last = UsageHour.objects.order_by("-hour").values_list("hour", flat=True).first()
    ended = Generation.objects.filter(finished_at__isnull=False)
    if last is not None:
        ended = ended.filter(finished_at__gte=last + HOUR)
    first = ended.order_by("finished_at").values_list("finished_at", flat=True).first()
    return floor_hour(first) if first is not None else None

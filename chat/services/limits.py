"""Holding people to the limits of their groups."""

from __future__ import annotations

import math
from datetime import timedelta

from django.utils import timezone

from chat.models import User
from chat.selectors.limits import Limits, limits_of, midnight, tokens_since
from chat.services.errors import Forbidden, TooManyRequests


def require_model(user: User, model: str) -> None:
    """Raises `Forbidden` where none of somebody's groups may use the model."""
    if not limits_of(user).allows(model):
        raise refuse_model(model)


def refuse_model(model: str) -> Forbidden:
    """What somebody reads who asked for it."""
    return Forbidden(
        "Your account may not use the model %(model)s: choose another one.",
        field="model",
        values={"model": model[:100]},
    )


def tokens_left(user: User, limits: Limits) -> int | None:
    """What somebody may still use today; None: without a limit. Raises `TooManyRequests` if nothing."""
    if limits.tokens_per_day is None:
        return None
    start = midnight()
    left = limits.tokens_per_day - tokens_since(user, start)
    if left <= 0:
        seconds = math.ceil((start + timedelta(days=1) - timezone.now()).total_seconds())
        raise TooManyRequests(
            "You have used your %(tokens)s tokens of today: they are counted anew at midnight UTC,"
            " in %(seconds)s s.",
            retry_after=seconds,
            values={"tokens": limits.tokens_per_day, "seconds": seconds},
        )
    return left

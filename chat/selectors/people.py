"""People as moderators look for them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models import User, suspended

PAGE_SIZE = 50


class PersonState(models.TextChoices):
    """Whom to list."""

    PENDING = "pending", _("waits for approval")
    SUSPENDED = "suspended", _("suspended or banned")
    STAFF = "staff", _("moderator or administrator")


CONDITIONS = {
    PersonState.PENDING: Q(is_active=False),
    PersonState.SUSPENDED: suspended(),
    PersonState.STAFF: Q(is_staff=True),
}


@dataclass(frozen=True)
class PeoplePage:
    """By name; `next_name` is the last of this page where there are more."""

    people: list[User]
    next_name: str


def list_people(
    *, name: str = "", state: PersonState | None = None, after: str = "", page_size: int = PAGE_SIZE
) -> PeoplePage:
    """Whose name or address begins so, in one query."""
    found = User.objects.filter(username__gt=after).order_by("username")
    if name:
        found = found.filter(Q(username__istartswith=name) | Q(email__istartswith=name))
    if state is not None:
        found = found.filter(CONDITIONS[state])
    rows = list(found[: page_size + 1])
    return PeoplePage(rows[:page_size], rows[page_size - 1].username if len(rows) > page_size else "")

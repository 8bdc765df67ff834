"""A person's own list of sessions, as they arranged it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from chat.models import Participant, User

PAGE_SIZE = 40


@dataclass(frozen=True)
class ShelfPage:
    """One page of the list, pinned sessions first, then the most recently changed. `number` counts from 1."""

    entries: list[Participant]
    number: int
    has_more: bool


def list_shelf(
    *, user: User, q: str = "", folder: str = "", is_archived: bool = False, number: int = 1
) -> ShelfPage:
    """One page, in one query. `q` is part of a title or a folder's name."""
    found = (
        Participant.objects.filter(user=user, is_archived=is_archived, session__is_hidden=False)
        .select_related("session")
        .order_by("-is_pinned", "-session__updated_at", "session_id")
    )
    if q:
        found = found.filter(Q(session__title__icontains=q) | Q(folder__icontains=q))
    if folder:
        found = found.filter(folder=folder)
    start = (number - 1) * PAGE_SIZE
    rows = list(found[start : start + PAGE_SIZE + 1])
    return ShelfPage(rows[:PAGE_SIZE], number, has_more=len(rows) > PAGE_SIZE)

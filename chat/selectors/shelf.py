"""A person's own list of sessions, as they arranged it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from chat.models import Participant, User
from chat.selectors.sessions import titled

PAGE_SIZE = 40
MOST_TITLES = 500
HAS_TAG_SQLITE = """EXISTS (SELECT 1 FROM json_each("chat_chatsession"."tags") WHERE value = %s)"""


@dataclass(frozen=True)
class ShelfPage:
    """One page of the list, pinned sessions first, then the most recently changed. `number` counts from 1."""

    entries: list[Participant]
    number: int
    has_more: bool


def list_shelf(
    *, user: User, q: str = "", folder: str = "", tag: str = "", is_archived: bool = False, number: int = 1
) -> ShelfPage:
    """One page, in one query. `q` is part of a title or a folder's name."""
    found = (
        Participant.objects.filter(user=user, is_archived=is_archived, session__is_hidden=False)
        .select_related("session")
        .order_by("-is_pinned", "-session__updated_at", "session_id")
    )
    if q:
        found = found.filter(titled(q, user=user, path="session__") | Q(folder__icontains=q))
    if folder:
        found = found.filter(folder=folder)
    if tag:
        found = _with_tag(found, tag)
    start = (number - 1) * PAGE_SIZE
    rows = list(found[start : start + PAGE_SIZE + 1])
    return ShelfPage(rows[:PAGE_SIZE], number, has_more=len(rows) > PAGE_SIZE)


def find_entry(*, user: User, session_id: UUID) -> Participant | None:
    """One session of the list."""
    found = Participant.objects.filter(user=user, session_id=session_id, session__is_hidden=False)
    return found.select_related("session").first()


def list_titles(*, user: User) -> list[tuple[UUID, str]]:
    """Ids and titles of the sessions changed last, to choose one from."""
    rows = Participant.objects.filter(user=user, session__is_hidden=False).order_by("-session__updated_at")
    return list(rows.values_list("session_id", "session__title")[:MOST_TITLES])


def _with_tag(found: QuerySet[Participant], tag: str) -> QuerySet[Participant]:
    if connection.vendor == "sqlite":
        # The only way there to look into a list.
        return found.extra(where=[HAS_TAG_SQLITE], params=[tag])  # noqa: S610
    return found.filter(session__tags__contains=[tag])

"""Files that people and programs uploaded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Model, Q, QuerySet

from chat.models import StoredFile, User

READ_BYTES = 1 << 18
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list, and whether there are more behind them."""

    rows: Sequence[Row]
    has_more: bool


def find_file(*, user: User, file_id: UUID) -> StoredFile | None:
    """A file of the user's."""
    return StoredFile.objects.filter(id=file_id, user=user).first()


def list_files(
    *, user: User, purpose: str = "", limit: int, after: UUID | None = None, newest_first: bool = True
) -> Page[StoredFile]:
    """The user's files behind `after`."""
    files = StoredFile.objects.filter(user=user)
    if purpose:
        files = files.filter(purpose=purpose)
    return page_of(files, limit=limit, after=after, newest_first=newest_first)


def page_of(
    rows: QuerySet[Row], *, limit: int, after: UUID | None = None, newest_first: bool = True
) -> Page[Row]:
    """A page by cursor, in the order of creation. An unknown cursor gives an empty page."""
    if after is not None:
        created = rows.filter(pk=after).values_list("created_at", flat=True).first()
        if created is None:
            return Page([], False)
        side = "lt" if newest_first else "gt"
        behind = Q(**{f"created_at__{side}": created}) | Q(created_at=created, **{f"pk__{side}": after})
        rows = rows.filter(behind)
    order = ("-created_at", "-pk") if newest_first else ("created_at", "pk")
    found = list(rows.order_by(*order)[: limit + 1])
    return Page(found[:limit], len(found) > limit)


async def read_content(row: StoredFile) -> AsyncIterator[bytes]:
    """The file's bytes, piece by piece."""
    file = await sync_to_async(row.content.open, thread_sensitive=False)("rb")
    try:
        while piece := await sync_to_async(file.read, thread_sensitive=False)(READ_BYTES):
            yield piece
    finally:
        await sync_to_async(file.close, thread_sensitive=False)()

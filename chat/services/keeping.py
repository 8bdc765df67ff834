"""Copies of rows that are about to be deleted, and putting such rows back.

The copy is made as the database will delete: what hangs from the rows goes with them, and what only refers to
them is noted. So nothing else needs to know that a deletion can be taken back: the rows are gone.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Field, ForeignKey, Model
from django.db.models.deletion import Collector
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, Deletion, StoredFile, User

ROWS = 100
MESSAGE = ChatMessage._meta.label
Row = list[Any]
Each = TypeVar("Each")


class Table(msgspec.Struct, frozen=True):
    """Rows of one model, as lists in the order of `columns`."""

    model: str
    columns: list[str]
    rows: list[Row]


class Link(msgspec.Struct, frozen=True):
    """A row that stays, and what its foreign key said."""

    model: str
    column: str
    row: Any
    value: Any


class Copy(msgspec.Struct, frozen=True):
    """Everything that one deletion takes. A table comes after those that it refers to."""

    tables: list[Table]
    links: list[Link]


class _Everything(Collector):
    """Finds each row, also where the database could delete without looking."""

    def can_fast_delete(self, objs: Any, from_field: Any = None) -> bool:
        """Never."""
        return False


def keep_copy(*, user: User, session: ChatSession, rows: Sequence[Model]) -> Deletion | None:
    """Keep what a deletion of `rows` will take, before it; None where nothing is to be taken back.

    `rows` are of one model, and of one session that is locked.
    """
    if not settings.UNDO_SECONDS or not rows:
        return None
    copy = _copy(rows)
    deletion = Deletion.objects.create(
        user=user,
        session_id=session.id,
        copy=zlib.compress(msgspec.json.encode(copy)),
        files=[name for table in copy.tables for name in _files(table)],
        until=timezone.now() + timedelta(seconds=settings.UNDO_SECONDS),
    )
    authors = [author for table in copy.tables for author in _authors(table)]
    people = {user.id, session.owner_id, *filter(None, authors)}
    deletion.people.set(User.objects.filter(id__in=people))
    return deletion


def put_back(deletion: Deletion) -> list[UUID]:
    """Insert the rows again, in a transaction; the ids of messages that are back or follow another one again.

    What refers to rows that are gone by now refers to nothing, or stays away.
    """
    copy = msgspec.json.decode(zlib.decompress(deletion.copy), type=Copy)
    known = {
        table.model: {str(row[table.columns.index("id")]) for row in table.rows} for table in copy.tables
    }
    for table in copy.tables:
        _insert(table, known)
    for link in copy.links:
        _tie(link)
    followers = [UUID(link.row) for link in copy.links if link.model == MESSAGE]
    return [UUID(id_) for id_ in known.get(MESSAGE, ())] + followers


def _copy(rows: Sequence[Model]) -> Copy:
    collector = _Everything(using=connection.alias, origin=rows[0])
    collector.collect(rows)
    sessions = [row.pk for row in collector.data.get(ChatSession, ())]
    messages = [row.pk for row in collector.data.get(ChatMessage, ())]
    files = StoredFile.objects.filter(attachment__message__in=messages) | StoredFile.objects.filter(
        attachment__session__in=sessions
    )
    found: dict[type[Model], Collection[Model]] = {StoredFile: files}
    collector.sort()
    found |= {model: collector.data[model] for model in reversed(list(collector.data))}
    return Copy(
        [_table(model, [row.pk for row in some]) for model, some in found.items()],
        list(_links(collector)),
    )


def _table(model: type[Model], ids: list[Any]) -> Table:
    columns = [field.attname for field in model._meta.local_concrete_fields if not field.generated]
    rows: list[Row] = []
    for batch in _batches(ids, 10 * ROWS):
        found = model._base_manager.filter(pk__in=batch).values_list(*columns)
        rows += [list(row) for row in found]
    return Table(model._meta.label, columns, rows)


def _links(collector: Collector) -> Iterator[Link]:
    taken = {(type(row), row.pk) for some in collector.data.values() for row in some}
    updates: dict[Any, list[Sequence[Model]]] = collector.field_updates  # type: ignore[assignment]
    for (field, _), groups in updates.items():
        ids = [row.pk for group in groups for row in group if (type(row), row.pk) not in taken]
        model = field.model
        for row, value in model._base_manager.filter(pk__in=ids).values_list("pk", field.attname):
            yield Link(model._meta.label, field.attname, row, value)


def _insert(table: Table, known: dict[str, set[str]]) -> None:
    model = apps.get_model(table.model)
    fields = [_field(model, name) for name in table.columns]
    values = (
        [field.to_python(value) for field, value in zip(fields, row, strict=True)] for row in table.rows
    )
    rows = [model(**dict(zip(table.columns, row, strict=True))) for row in values]
    for field in fields:
        if isinstance(field, ForeignKey):
            rows = _anchored(rows, field, known)
    for batch in _batches(rows, ROWS):
        # Raw: as they were, with their old times.
        model._base_manager._insert(batch, fields=fields, using=connection.alias, raw=True)


def _anchored(rows: list[Model], field: ForeignKey[Any, Any], known: dict[str, set[str]]) -> list[Model]:
    """The rows whose key leads somewhere; a key that may be null and leads nowhere is."""
    target = field.related_model
    wanted = {getattr(row, field.attname) for row in rows} - {None}
    there = {id_ for id_ in wanted if str(id_) in known.get(target._meta.label, ())} | {None}
    for batch in _batches(list(wanted - there), 10 * ROWS):
        there |= set(target._base_manager.filter(pk__in=batch).values_list("pk", flat=True))
    lost = [row for row in rows if getattr(row, field.attname) not in there]
    if not field.null:
        return [row for row in rows if row not in lost] if lost else rows
    for row in lost:
        setattr(row, field.attname, None)
    return rows


def _tie(link: Link) -> None:
    model = apps.get_model(link.model)
    key = _field(model, link.column)
    if isinstance(key, ForeignKey) and key.related_model._base_manager.filter(pk=link.value).exists():
        model._base_manager.filter(pk=link.row).update(**{link.column: link.value})


def _field(model: type[Model], attname: str) -> Field[Any, Any]:
    return next(field for field in model._meta.local_concrete_fields if field.attname == attname)


def _authors(table: Table) -> Iterator[Any]:
    if table.model == MESSAGE:
        place = table.columns.index("author_id")
        yield from (row[place] for row in table.rows)


def _files(table: Table) -> Iterator[str]:
    if table.model == StoredFile._meta.label:
        place = table.columns.index("content")
        yield from (row[place] for row in table.rows)


def _batches(rows: list[Each], size: int) -> Iterator[list[Each]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))

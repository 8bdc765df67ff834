"""Copies of rows that are about to be deleted, and putting such rows back.

The copy is made as the database will delete: what hangs from the rows goes with them, and what only refers to
them is noted. So nothing else needs to know that a deletion can be taken back: the rows are gone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Case, Exists, Field, ForeignKey, Model, OuterRef, QuerySet, Sum, When
from django.db.models.deletion import Collector
from django.utils import timezone

from chat.models import (
    Attachment,
    ChatMessage,
    ChatSession,
    Deletion,
    Generation,
    GenerationChunk,
    StoredFile,
    User,
)
from chat.sealed import SealedBinaryField, stored_size

ROWS = 100
MOST_BYTES, ROW_BYTES = 10_000_000, 500
"""What is larger cannot be taken back: the copy is made while the deletion waits. A row counts as so many."""
USED_PROMPT = Case(
    When(
        ~Exists(GenerationChunk.objects.filter(generation=OuterRef("pk"))),
        finished_at__isnull=False,
        then=None,
    ),
    default="prompt_ids",
    output_field=SealedBinaryField(),
)
"""Nobody reads a prompt any more once the chunks of a generation that ended are gone."""
OTHER_NAMES = {"prompt_ids": "used_prompt"}
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
    """Keep what a deletion of `rows` will take, before it; None where nothing is to be, or too much.

    `rows` are of one model, and of one session that is locked.
    """
    if not settings.UNDO_SECONDS or not rows:
        return None
    collector = _Everything(using=connection.alias, origin=rows[0])
    collector.collect(rows)
    found = _found(collector)
    if _is_large(found):
        return None
    copy = Copy([_table(model, ids) for model, ids in found.items()], list(_links(collector)))
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
    instead = _parents_of_followers(copy.links)
    for table in copy.tables:
        _insert(table, known, instead)
    for link in copy.links:
        _tie(link)
    followers = [UUID(link.row) for link in copy.links if link.model == MESSAGE]
    return [UUID(id_) for id_ in known.get(MESSAGE, ())] + followers


def _found(collector: Collector) -> dict[type[Model], list[Any]]:
    """The ids of what goes, files first, then what others refer to."""
    files: list[Any] = []
    for batch in _batches([row.pk for row in collector.data.get(Attachment, ())], 10 * ROWS):
        files += StoredFile.objects.filter(attachment__in=batch).values_list("pk", flat=True)
    collector.sort()
    models = reversed(list(collector.data))
    return {StoredFile: files} | {model: [row.pk for row in collector.data[model]] for model in models}


def _is_large(found: dict[type[Model], list[Any]]) -> bool:
    size = sum(map(len, found.values())) * ROW_BYTES
    for model, ids in found.items():
        stored = Sum(stored_size(model._meta.local_concrete_fields, OTHER_NAMES))
        for batch in _batches(ids, 10 * ROWS):
            if size > MOST_BYTES:
                return True
            size += _rows(model, batch).aggregate(size=stored)["size"] or 0
    return size > MOST_BYTES


def _rows(model: type[Model], ids: list[Any]) -> QuerySet[Model]:
    rows = model._base_manager.filter(pk__in=ids)
    return rows.annotate(used_prompt=USED_PROMPT) if model is Generation else rows


def _table(model: type[Model], ids: list[Any]) -> Table:
    columns = [field.attname for field in model._meta.local_concrete_fields if not field.generated]
    names = [OTHER_NAMES.get(column, column) for column in columns]
    rows: list[Row] = []
    for batch in _batches(ids, 10 * ROWS):
        rows += [list(row) for row in _rows(model, batch).values_list(*names)]
    return Table(model._meta.label, columns, rows)


def _links(collector: Collector) -> Iterator[Link]:
    taken = {(type(row), row.pk) for some in collector.data.values() for row in some}
    updates: dict[Any, list[Sequence[Model]]] = collector.field_updates  # type: ignore[assignment]
    for (field, _), groups in updates.items():
        ids = [row.pk for group in groups for row in group if (type(row), row.pk) not in taken]
        model = field.model
        for batch in _batches(ids, 10 * ROWS):
            for row, value in model._base_manager.filter(pk__in=batch).values_list("pk", field.attname):
                yield Link(model._meta.label, field.attname, row, value)


def _parents_of_followers(links: list[Link]) -> dict[str, UUID | None]:
    """By the id of a message: whom what followed it follows meanwhile, so that it fits in between."""
    followed = {link.row: str(link.value) for link in links if link.model == MESSAGE and link.value}
    parents: dict[str, UUID | None] = {}
    for batch in _batches(list(followed), 10 * ROWS):
        for row, parent in ChatMessage.objects.filter(pk__in=batch).values_list("pk", "parent"):
            parents[followed[str(row)]] = parent
    return parents


def _insert(table: Table, known: dict[str, set[str]], instead: dict[str, UUID | None]) -> None:
    model = apps.get_model(table.model)
    fields = [_field(model, name) for name in table.columns]
    values = (
        [field.to_python(value) for field, value in zip(fields, row, strict=True)] for row in table.rows
    )
    rows = [model(**dict(zip(table.columns, row, strict=True))) for row in values]
    for field in fields:
        if isinstance(field, ForeignKey):
            is_parent = (table.model, field.attname) == (MESSAGE, "parent_id")
            rows = _anchored(rows, field, known, instead if is_parent else {})
    for batch in _batches(rows, ROWS):
        # Raw: as they were, with their old times.
        model._base_manager._insert(batch, fields=fields, using=connection.alias, raw=True)


def _anchored(
    rows: list[Model],
    field: ForeignKey[Any, Any],
    known: dict[str, set[str]],
    instead: dict[str, UUID | None],
) -> list[Model]:
    """The rows whose key leads somewhere; a key that may be null and leads nowhere is, or leads elsewhere."""
    target = field.related_model
    wanted = {getattr(row, field.attname) for row in rows} - {None}
    there = {id_ for id_ in wanted if str(id_) in known.get(target._meta.label, ())} | {None}
    for batch in _batches(list(wanted - there), 10 * ROWS):
        there |= set(target._base_manager.filter(pk__in=batch).values_list("pk", flat=True))
    lost = [row for row in rows if getattr(row, field.attname) not in there]
    if not field.null:
        return [row for row in rows if row not in lost] if lost else rows
    for row in lost:
        setattr(row, field.attname, instead.get(str(row.pk)))
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

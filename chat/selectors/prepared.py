"""Statements of every turn, which take Django many times longer to write than a database to carry out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import AutoField, Expression, Field, Model, QuerySet
from django.db.models.sql import Query, UpdateQuery

MAX_KEPT = 128
MAX_ROWS = 100
M = TypeVar("M", bound=Model)


class Param(Expression):
    """A value that comes with each call, by its name, and goes where the model's `field` could.

    Everything else that a statement depends on is an argument of the function that builds it.
    """

    def __init__(self, name: str, model: type[Model], field: str) -> None:
        self.name = name
        super().__init__(output_field=cast("Field[Any, Any]", model._meta.get_field(field)))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """A place for it."""
        return "%s", (self,)


class _Written(NamedTuple):
    query: Query
    sql: str
    params: tuple[Any, ...]
    columns: list[Any]

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """The statement's parameters, with what this call brings."""
        return [
            each.output_field.get_db_prep_save(values[each.name], connection)
            if isinstance(each, Param)
            else each
            for each in self.params
        ]


class Prepared:
    """A `values_list` query that is built once for the same arguments."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._build = build
        self._write = lru_cache(MAX_KEPT)(self._write_anew)

    def rows(self, *given: Hashable, **values: Any) -> list[tuple[Any, ...]]:
        """What the database answers now."""
        written = self._write(connection.vendor, *given)
        if written is None:
            return []
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(values))
            found = cursor.fetchall()
        compiler = written.query.get_compiler(connection=connection)
        converters = compiler.get_converters(written.columns)
        return [tuple(row) for row in compiler.apply_converters(found, converters)]

    def _write_anew(self, vendor: str, *given: Hashable) -> _Written | None:
        query = self._build(*given).query
        compiler = query.get_compiler(connection=connection)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:  # nothing can be among no values
            return None
        return _Written(query, sql, params, [column for column, _, _ in compiler.select])


class PreparedUpdate:
    """An update that is built once for the same arguments: `build` returns rows and their new values."""

    def __init__(self, build: Callable[..., tuple[QuerySet[Any, Any], dict[str, Any]]]) -> None:
        self._build = build
        self._write = lru_cache(MAX_KEPT)(self._write_anew)

    def run(self, *given: Hashable, **values: Any) -> int:
        """Carry it out; how many rows there were."""
        written = self._write(connection.vendor, *given)
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(values))
            changed: int = cursor.rowcount
        return changed

    def _write_anew(self, vendor: str, *given: Hashable) -> _Written:
        rows, changes = self._build(*given)
        query = cast("UpdateQuery", rows.query.chain(UpdateQuery))
        query.add_update_values(changes)
        sql, params = query.get_compiler(connection=connection).as_sql()
        return _Written(query, sql, params, [])


def insert_rows(rows: Sequence[Model]) -> None:
    """Write new rows of one model. A number as id is not read back, and what else the database chooses is read
    when it is wanted.
    """
    model = type(rows[0])
    given = [field for field in model._meta.concrete_fields if not _is_chosen(field)]
    values = [[field.pre_save(row, add=True) for field in given] for row in rows]
    insert_values(model, tuple(field.name for field in given), values)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
        for field in model._meta.concrete_fields:
            if field.has_db_default():
                del row.__dict__[field.attname]


def _is_chosen(field: Field[Any, Any]) -> bool:
    """Whether the database does."""
    return field.has_db_default() or isinstance(field, AutoField)


def insert_values(model: type[Model], fields: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    """Write the values of these fields as new rows, so many in a statement as databases take values."""
    columns = [cast("Field[Any, Any]", model._meta.get_field(name)) for name in fields]
    with connection.cursor() as cursor:
        for at in range(0, len(rows), MAX_ROWS):
            some = rows[at : at + MAX_ROWS]
            values = [
                field.get_db_prep_save(value, connection)
                for row in some
                for field, value in zip(columns, row, strict=True)
            ]
            cursor.execute(_insert(model, fields, len(some)), values)


@lru_cache
def _insert(model: type[Model], fields: tuple[str, ...], rows: int) -> str:
    meta = model._meta
    columns = ", ".join(f'"{cast("Field[Any, Any]", meta.get_field(name)).column}"' for name in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    return f'INSERT INTO "{meta.db_table}" ({columns}) VALUES {", ".join([row] * rows)}'  # noqa: S608


def row_of(model: type[M]) -> QuerySet[M]:
    """The row with the `id` that a call brings."""
    return QuerySet(model).filter(pk=Param("id", model, "id"))


def params_of(model: type[Model], *fields: str) -> dict[str, Param]:
    """A new value for each of the fields, under its name."""
    return {field: Param(field, model, field) for field in fields}


def columns_of(model: type[Model]) -> list[str]:
    """All that a row of the model has."""
    return [field.attname for field in model._meta.concrete_fields]


def read_as(model: type[M], fields: Iterable[str], row: Iterable[Any]) -> M:
    """The values of these fields as a row of the model."""
    given = dict(zip(fields, row, strict=True))
    names = [field.attname for field in model._meta.concrete_fields if field.attname in given]
    return model.from_db("default", names, [given[name] for name in names])

"""Statements of every turn, which take Django many times longer to write than a database to carry out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Expression, Field, Model, QuerySet
from django.db.models.sql import UpdateQuery

MAX_KEPT = 128
MAX_ROWS = 100
M = TypeVar("M", bound=Model)
Columns = tuple["Field[Any, Any]", ...]


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


def _connection() -> BaseDatabaseWrapper:
    """This thread's own: Django's `connection` looks for it at every use."""
    return connections[DEFAULT_DB_ALIAS]


class _Written(NamedTuple):
    sql: str
    params: tuple[Any, ...]
    converted: Callable[[Iterable[Any]], Iterable[list[Any]]] = iter
    """Rows as the ORM would have them."""

    def filled(self, values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> list[Any]:
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
        connection = _connection()
        written = self._write(connection.vendor, *given)
        if written is None:
            return []
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(values, connection))
            return [tuple(row) for row in written.converted(cursor.fetchall())]

    def _write_anew(self, vendor: str, *given: Hashable) -> _Written | None:
        compiler = self._build(*given).query.get_compiler(connection=_connection())
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:  # nothing can be among no values
            return None
        # Kept for all threads: of its connection a converter asks only the time zone, which all share.
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        return _Written(sql, params, partial(compiler.apply_converters, converters=converters))


class PreparedUpdate:
    """An update that is built once for the same arguments: `build` returns rows and their new values."""

    def __init__(self, build: Callable[..., tuple[QuerySet[Any, Any], dict[str, Any]]]) -> None:
        self._build = build
        self._write = lru_cache(MAX_KEPT)(self._write_anew)

    def run(self, *given: Hashable, **values: Any) -> int:
        """Carry it out; how many rows there were."""
        connection = _connection()
        written = self._write(connection.vendor, *given)
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(values, connection))
            changed: int = cursor.rowcount
        return changed

    def _write_anew(self, vendor: str, *given: Hashable) -> _Written:
        rows, changes = self._build(*given)
        query = cast("UpdateQuery", rows.query.chain(UpdateQuery))
        query.add_update_values(changes)
        sql, params = query.get_compiler(connection=_connection()).as_sql()
        return _Written(sql, params)


def insert_rows(rows: Sequence[Model]) -> None:
    """Write new rows of one model. A number as id is not read back; what else the database chooses is read
    when it is wanted.
    """
    model = type(rows[0])
    given, chosen = _columns(model)
    insert_values(model, given, [[field.pre_save(row, add=True) for field in given] for row in rows])
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
        for field in chosen:
            del row.__dict__[field.attname]


@lru_cache
def _columns(model: type[Model]) -> tuple[Columns, Columns]:
    """Those that a new row brings, and those whose default is the database's."""
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]
    chosen = [field for field in fields if field.has_db_default()]
    return tuple(field for field in fields if field not in chosen), tuple(chosen)


def columns_named(model: type[Model], *names: str) -> Columns:
    """The fields that have these names."""
    return tuple(cast("Field[Any, Any]", model._meta.get_field(name)) for name in names)


def insert_values(model: type[Model], columns: Columns, rows: Sequence[Sequence[Any]]) -> None:
    """Write these columns of new rows, no more in a statement than databases take values."""
    connection = _connection()
    with connection.cursor() as cursor:
        for at in range(0, len(rows), MAX_ROWS):
            some = rows[at : at + MAX_ROWS]
            values = [
                column.get_db_prep_save(value, connection)
                for row in some
                for column, value in zip(columns, row, strict=True)
            ]
            cursor.execute(_insert(model, columns, len(some)), values)


@lru_cache
def _insert(model: type[Model], columns: Columns, rows: int) -> str:
    names = ", ".join(f'"{column.column}"' for column in columns)
    row = f"({', '.join(['%s'] * len(columns))})"
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([row] * rows)}'  # noqa: S608


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
    return model.from_db(DEFAULT_DB_ALIAS, names, [given[name] for name in names])


def id_params(model: type[Model], count: int) -> list[Any]:
    """So many ids, which a call brings as `ids_given`: the statement is the same for any of them."""
    return [Param(f"id{number}", model, "id") for number in range(count)]


def ids_given(ids: Iterable[Any]) -> dict[str, Any]:
    """The values of `id_params`."""
    return {f"id{number}": each for number, each in enumerate(ids)}

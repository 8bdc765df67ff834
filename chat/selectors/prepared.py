"""Queries that are asked all day, and take Django many times longer to write than a database to answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import Query

MAX_KEPT = 128


class _Written(NamedTuple):
    query: Query
    sql: str
    params: tuple[Any, ...]
    columns: list[Any]


class Prepared:
    """A `values_list` query that is built once for the same arguments, on which alone it may depend."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._build = build
        self._write = lru_cache(MAX_KEPT)(self._write_anew)

    def rows(self, *given: Hashable) -> list[tuple[Any, ...]]:
        """What the database answers now."""
        try:
            written = self._write(connection.vendor, *given)
        except EmptyResultSet:  # nothing can be among no values
            return []
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.params)
            found = cursor.fetchall()
        compiler = written.query.get_compiler(connection=connection)
        converters = compiler.get_converters(written.columns)
        return [tuple(row) for row in compiler.apply_converters(found, converters)]

    def _write_anew(self, vendor: str, *given: Hashable) -> _Written:
        query = self._build(*given).query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        return _Written(query, sql, params, [column for column, _, _ in compiler.select])

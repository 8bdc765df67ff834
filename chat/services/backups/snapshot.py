"""The database as it is at one moment, while others go on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

BEGIN = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL idle_in_transaction_session_timeout = 0",  # a large file may take longer than a lease
)


@contextmanager
def snapshot() -> Iterator[None]:
    """What is read inside is all of one moment. Must not be called in a transaction."""
    if connection.vendor == "sqlite":
        # Not `atomic`, which begins with the lock of the one writer: in WAL mode a reader needs none.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
        return
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            for statement in BEGIN:
                cursor.execute(statement)
        yield

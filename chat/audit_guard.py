"""Triggers by which the database itself refuses to change or delete an entry of the audit log.

They stop mistakes and programs. Whoever may alter the schema can remove them; the hash chain tells of that.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "chat_auditentry"
REFUSAL = "The audit log is append-only."
SQLITE_CREATE = tuple(
    f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{act} BEFORE {act} ON {TABLE}"
    f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for act in ("update", "delete")
)
SQLITE_DROP = tuple(f"DROP TRIGGER IF EXISTS {TABLE}_no_{act}" for act in ("update", "delete"))
POSTGRESQL_CREATE = (
    "CREATE OR REPLACE FUNCTION chat_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    f"CREATE OR REPLACE TRIGGER {TABLE}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE}"
    " FOR EACH STATEMENT EXECUTE FUNCTION chat_audit_refuse()",
)
POSTGRESQL_DROP = (
    f"DROP TRIGGER IF EXISTS {TABLE}_append_only ON {TABLE}",
    "DROP FUNCTION IF EXISTS chat_audit_refuse()",
)


def create_guard(connection: BaseDatabaseWrapper) -> None:
    """From now on entries can only be added; again is harmless."""
    _execute(connection, SQLITE_CREATE if connection.vendor == "sqlite" else POSTGRESQL_CREATE)


def drop_guard(connection: BaseDatabaseWrapper) -> None:
    """For going back before the log existed, and for putting a backup in its place."""
    _execute(connection, SQLITE_DROP if connection.vendor == "sqlite" else POSTGRESQL_DROP)


def guard_after_migrating(using: str, **kwargs: Any) -> None:
    """A receiver of `post_migrate`: SQLite drops a table's triggers where a migration rebuilds it."""
    connection = connections[using]
    if TABLE in connection.introspection.table_names():
        create_guard(connection)


def _execute(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)

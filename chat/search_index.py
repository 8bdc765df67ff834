"""The full-text index of messages, kept by the database itself so that no write can forget it.

SQLite: an FTS5 table and three triggers. Its rows have numbers of their own, because SQLite may renumber
the messages' hidden rowids. PostgreSQL: a generated column and a GIN index. No word is stemmed and no
language assumed; letters are compared without accents on SQLite. Sealed content is left out.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

INDEXED_CHARS = 200_000  # PostgreSQL refuses a vector of more than 1 MiB

SQLITE_CREATE = (
    "CREATE TABLE IF NOT EXISTS chat_message_search_id (id integer PRIMARY KEY, message_id char(32) UNIQUE)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS chat_message_search"
    " USING fts5(content, tokenize = 'unicode61 remove_diacritics 2')",
    "CREATE TRIGGER chat_message_search_insert AFTER INSERT ON chat_chatmessage BEGIN"
    " INSERT INTO chat_message_search_id (message_id) VALUES (new.id);"
    " INSERT INTO chat_message_search (rowid, content)"
    " SELECT id, CASE WHEN new.content GLOB 'sealed:1:*' THEN '' ELSE new.content END"
    " FROM chat_message_search_id WHERE message_id = new.id; END",
    "CREATE TRIGGER chat_message_search_update AFTER UPDATE OF content ON chat_chatmessage"
    " WHEN old.content IS NOT new.content BEGIN"
    " UPDATE chat_message_search"
    " SET content = CASE WHEN new.content GLOB 'sealed:1:*' THEN '' ELSE new.content END"
    " WHERE rowid = (SELECT id FROM chat_message_search_id WHERE message_id = new.id); END",
    "CREATE TRIGGER chat_message_search_delete AFTER DELETE ON chat_chatmessage BEGIN"
    " DELETE FROM chat_message_search"
    " WHERE rowid = (SELECT id FROM chat_message_search_id WHERE message_id = old.id);"
    " DELETE FROM chat_message_search_id WHERE message_id = old.id; END",
)
SQLITE_FILL = (
    "DELETE FROM chat_message_search_id",
    "DELETE FROM chat_message_search",
    "INSERT INTO chat_message_search_id (message_id) SELECT id FROM chat_chatmessage",
    "INSERT INTO chat_message_search (rowid, content)"
    " SELECT s.id, CASE WHEN m.content GLOB 'sealed:1:*' THEN '' ELSE m.content END"
    " FROM chat_message_search_id s JOIN chat_chatmessage m ON m.id = s.message_id",
)
SQLITE_DROP = (
    "DROP TRIGGER IF EXISTS chat_message_search_insert",
    "DROP TRIGGER IF EXISTS chat_message_search_update",
    "DROP TRIGGER IF EXISTS chat_message_search_delete",
    "DROP TABLE IF EXISTS chat_message_search",
    "DROP TABLE IF EXISTS chat_message_search_id",
)
# The space keeps PostgreSQL's parser from taking code for markup, which it leaves out.
POSTGRESQL_TEXT = (
    "CASE WHEN starts_with(content, 'sealed:1:') THEN ''"
    f" ELSE replace(left(content, {INDEXED_CHARS}), '<', '< ') END"
)
POSTGRESQL_CREATE = (
    "ALTER TABLE chat_chatmessage ADD COLUMN search tsvector"
    f" GENERATED ALWAYS AS (to_tsvector('simple', {POSTGRESQL_TEXT})) STORED",
    "CREATE INDEX chat_message_search ON chat_chatmessage USING gin (search)",
)
SQLITE_DEFINITION = "SELECT sql FROM sqlite_master WHERE name = 'chat_message_search_insert'"
POSTGRESQL_DEFINITION = (
    "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
    " JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum"
    " WHERE adrelid = 'chat_chatmessage'::regclass AND attname = 'search'"
)
POSTGRESQL_DROP = ("ALTER TABLE chat_chatmessage DROP COLUMN IF EXISTS search",)


def create_index(connection: BaseDatabaseWrapper) -> None:
    """Create the index over what is there."""
    if connection.vendor == "sqlite":
        _execute(connection, SQLITE_DROP + SQLITE_CREATE + SQLITE_FILL)
    else:
        _execute(connection, POSTGRESQL_CREATE)


def refresh_index(connection: BaseDatabaseWrapper) -> None:
    """Make the index of an earlier release leave out sealed content."""
    with connection.cursor() as cursor:
        cursor.execute(SQLITE_DEFINITION if connection.vendor == "sqlite" else POSTGRESQL_DEFINITION)
        if "sealed:1:" in str(cursor.fetchall()):
            return
    drop_index(connection)
    create_index(connection)


def drop_index(connection: BaseDatabaseWrapper) -> None:
    """Remove every trace of it."""
    _execute(connection, SQLITE_DROP if connection.vendor == "sqlite" else POSTGRESQL_DROP)


def repair_index(connection: BaseDatabaseWrapper) -> bool:
    """Create it again where a migration rebuilt SQLite's message table, which drops its triggers."""
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM sqlite_master WHERE name LIKE 'chat_message_search_%' AND type = 'trigger'"
        )
        triggers = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = 'chat_message_search'")
        exists = cursor.fetchone()[0]
    if not exists or triggers == 3:
        return False
    create_index(connection)
    return True


def repair_after_migrating(using: str, **kwargs: Any) -> None:
    """A receiver of `post_migrate`."""
    repair_index(connections[using])


def _execute(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)

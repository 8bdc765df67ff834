"""What the database kept of a deployment's replies, read past the code under test."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from tests.support.stack import Stack
from tests.support.waiting import wait_until

REPLIES = """
SELECT g.id, g.session_id, g.status, g.attempt, g.completion_tokens, g.prompt_ids, g.error_code,
       m.content, m.status
FROM chat_generation g JOIN chat_chatmessage m ON m.id = g.message_id
WHERE {which}
"""
CHUNKS = """
SELECT c.generation_id, c.seq, c.attempt, c.text, c.token_ids
FROM chat_generationchunk c JOIN chat_generation g ON g.id = c.generation_id
WHERE {which} ORDER BY c.id
"""

AWAY_S = 30.0


@dataclass(frozen=True)
class StoredChunk:
    """A committed chunk."""

    seq: int
    attempt: int
    text: str
    tokens: int


@dataclass(frozen=True)
class StoredReply:
    """A generation and its message; `chunks` in the order in which they were inserted."""

    id: str
    session_id: str
    status: str
    attempt: int
    completion_tokens: int
    prompt_ids: list[int]
    error_code: str
    content: str
    message_status: str
    chunks: list[StoredChunk] = field(default_factory=list)


class StackDatabase:
    """A stack's database, whichever kind it is; every call has a connection of its own."""

    def __init__(self, stack: Stack) -> None:
        default = f"sqlite:///{Path(stack.env['DATA_DIR']) / 'parley.sqlite3'}"
        self.url = stack.env.get("DATABASE_URL") or default

    @property
    def sqlite_path(self) -> str:
        """The file; empty for PostgreSQL."""
        return self.url.removeprefix("sqlite:///") if self.url.startswith("sqlite") else ""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The result of a query."""
        if self.sqlite_path:
            with closing(sqlite3.connect(f"file:{self.sqlite_path}?mode=ro", uri=True, timeout=30)) as file:
                return file.execute(query).fetchall()
        found: list[list[tuple[Any, ...]]] = wait_until(
            lambda: self._ask(query), timeout=AWAY_S, what="PostgreSQL's return"
        )
        return found[0]

    def _ask(self, query: str) -> list[list[tuple[Any, ...]]]:
        """The result in a list, as it may be empty itself; nothing while a fault keeps the server away."""
        try:
            with psycopg.connect(self.url) as connection:
                return [connection.execute(query.encode()).fetchall()]
        except psycopg.OperationalError:
            return []

    def replies(self, session_ids: Iterable[str]) -> dict[str, StoredReply]:
        """Every generation of these sessions, by id."""
        return self._replies("g.session_id", session_ids)

    def replies_by_id(self, generation_ids: Iterable[str]) -> dict[str, StoredReply]:
        """These generations alone."""
        return self._replies("g.id", generation_ids)

    def _replies(self, column: str, identifiers: Iterable[str]) -> dict[str, StoredReply]:
        which = f"{column} IN ({', '.join(self._literal(id_) for id_ in identifiers)})"
        replies = {}
        for id_, session, status, attempt, tokens, prompt, *rest in self.rows(REPLIES.format(which=which)):
            replies[_text(id_)] = StoredReply(
                _text(id_), _text(session), status, attempt, tokens, _unpack(prompt or b""), *rest
            )
        for id_, seq, attempt, text, token_ids in self.rows(CHUNKS.format(which=which)):
            chunk = StoredChunk(seq, attempt, text, len(token_ids) // 4)
            replies[_text(id_)].chunks.append(chunk)
        return replies

    def _literal(self, identifier: str) -> str:
        return f"'{UUID(identifier).hex}'" if self.sqlite_path else f"'{UUID(identifier)}'"


def _text(identifier: object) -> str:
    return str(UUID(str(identifier)))


def _unpack(packed: bytes) -> list[int]:
    return array("I", packed).tolist()

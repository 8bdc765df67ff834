"""Full-text search in messages: ranked, with the found words marked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.html import escape

from chat.models import ChatMessage, User

# Characters of the private use area stand for the marks until the rest is escaped.
OPENS, CLOSES = "\ue000", "\ue001"
WORDS = re.compile(r"[\w'-]+")
MOST_WORDS = 20

# Whoever looks for a common word finds too many messages to rank them all: the newest MOST_RANKED are.
MOST_RANKED = 1000

SQLITE_PAGE = """
WITH newest AS MATERIALIZED (
  SELECT f.rowid AS place, f.rank AS rank, m.id, m.created_at FROM chat_message_search f
  JOIN chat_message_search_id i ON i.id = f.rowid
  JOIN chat_chatmessage m ON m.id = i.message_id
  JOIN chat_chatsession s ON s.id = m.session_id AND NOT s.is_hidden
  JOIN chat_participant p ON p.session_id = s.id AND p.user_id = %(user)s
  WHERE chat_message_search MATCH %(match)s AND m.hidden_at IS NULL
  AND (%(session)s IS NULL OR m.session_id = %(session)s)
  AND (%(from)s IS NULL OR m.created_at >= %(from)s)
  AND (%(to)s IS NULL OR m.created_at < %(to)s)
  ORDER BY f.rowid DESC LIMIT %(most)s
), best AS (
  SELECT place, id, -rank AS score, created_at FROM newest
  ORDER BY score DESC, created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT total, id, score, (
  SELECT snippet(chat_message_search, 0, %(opens)s, %(closes)s, '…', 24) FROM chat_message_search
  WHERE chat_message_search MATCH %(match)s AND rowid = place
) FROM (SELECT count(*) AS total FROM newest) LEFT JOIN best ON true
ORDER BY score DESC, created_at DESC, id
"""
POSTGRESQL_PAGE = """
WITH newest AS MATERIALIZED (
  SELECT m.id, m.created_at, m.search FROM chat_chatmessage m
  JOIN chat_chatsession s ON s.id = m.session_id AND NOT s.is_hidden
  JOIN chat_participant p ON p.session_id = s.id AND p.user_id = %(user)s
  WHERE m.search @@ to_tsquery('simple', %(match)s) AND m.hidden_at IS NULL
  AND (%(session)s::uuid IS NULL OR m.session_id = %(session)s::uuid)
  AND (%(from)s::timestamptz IS NULL OR m.created_at >= %(from)s::timestamptz)
  AND (%(to)s::timestamptz IS NULL OR m.created_at < %(to)s::timestamptz)
  ORDER BY m.created_at DESC LIMIT %(most)s
), best AS (
  SELECT id, created_at, ts_rank(search, to_tsquery('simple', %(match)s)) AS score FROM newest
  ORDER BY score DESC, created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT total, best.id, best.score, ts_headline('simple', replace(left(m.content, 200000), '<', '< '),
  to_tsquery('simple', %(match)s),
  'StartSel=' || %(opens)s || ', StopSel=' || %(closes)s || ', MaxWords=24, MinWords=8')
FROM (SELECT count(*) AS total FROM newest) counted LEFT JOIN best ON true
LEFT JOIN chat_chatmessage m ON m.id = best.id
ORDER BY best.score DESC, best.created_at DESC, best.id
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One message that matches. `snippet` is HTML: escaped text with `<mark>` around what was found."""

    message_id: UUID
    session_id: UUID
    session_title: str
    role: str
    author_name: str
    snippet: str
    rank: float
    created_at: datetime


@dataclass(frozen=True)
class FoundPage:
    """The best matches first; `total_count` counts all, up to `MOST_RANKED`."""

    results: list[Found]
    total_count: int
    has_more: bool

    @property
    def is_capped(self) -> bool:
        """Whether there may be older matches, which were neither ranked nor counted."""
        return self.total_count >= MOST_RANKED


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a search is limited to; `date_to` is exclusive."""

    session_id: UUID | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None


def search_messages(
    *, user: User, query: str, filters: Filters, page: int = 1, page_size: int = 20
) -> FoundPage:
    """Messages with all the words, in sessions this person takes part in; the last word may be a beginning.

    Of more than `MOST_RANKED` only the newest are looked at. Two queries: the ranked page, and its rows.
    """
    words = WORDS.findall(query)[:MOST_WORDS]
    if not words:
        return FoundPage([], 0, has_more=False)
    is_sqlite = connection.vendor == "sqlite"
    offset = (page - 1) * page_size
    parameters: dict[str, Any] = {
        "most": MOST_RANKED,
        "limit": page_size,
        "offset": offset,
        "opens": OPENS,
        "closes": CLOSES,
        "match": _sqlite_match(words) if is_sqlite else _postgresql_match(words),
        "user": _plain(user.id),
        "session": _plain(filters.session_id),
        "from": connection.ops.adapt_datetimefield_value(filters.date_from),
        "to": connection.ops.adapt_datetimefield_value(filters.date_to),
    }
    with connection.cursor() as cursor:
        cursor.execute(SQLITE_PAGE if is_sqlite else POSTGRESQL_PAGE, parameters)
        lines = cursor.fetchall()
    total = int(lines[0][0])
    hits = [(UUID(str(id_)), float(rank), str(snippet)) for _, id_, rank, snippet in lines if id_ is not None]
    rows = ChatMessage.objects.select_related("session", "author").in_bulk([id_ for id_, _, _ in hits])
    results = [_found(rows[id_], rank, snippet) for id_, rank, snippet in hits if id_ in rows]
    return FoundPage(results, total, has_more=offset + page_size < total)


def _sqlite_match(words: list[str]) -> str:
    return " ".join(f'"{word}"' for word in words) + " *"


def _postgresql_match(words: list[str]) -> str:
    quoted = ["'" + word.replace("'", "''") + "'" for word in words]
    return " & ".join(quoted) + ":*"


def _plain(identity: UUID | None) -> str | UUID | None:
    return identity.hex if identity is not None and connection.vendor == "sqlite" else identity


def _found(row: ChatMessage, rank: float, snippet: str) -> Found:
    marked = escape(snippet).replace(OPENS, "<mark>").replace(CLOSES, "</mark>")
    return Found(
        message_id=row.id,
        session_id=row.session_id,
        session_title=row.session.title,
        role=row.role,
        author_name=row.author.username if row.author else "",
        snippet=marked,
        rank=rank,
        created_at=row.created_at,
    )

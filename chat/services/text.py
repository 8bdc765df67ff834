"""Which texts can be stored."""

from __future__ import annotations

import re

from chat.services.errors import InvalidContent, ServiceError

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """PostgreSQL takes neither U+0000 nor half of a surrogate pair."""
    return UNSTORABLE.search(text) is None


def require_storable(text: str | None, *, field: str, error: type[ServiceError] = InvalidContent) -> None:
    """Raise `error` unless the text can be stored."""
    if text is not None and not is_storable(text):
        raise error(
            "%(field)s contains characters that cannot be stored (U+0000 or half of a surrogate pair).",
            field=field,
            values={"field": field},
        )


def require_content(text: str, *, field: str = "content", limit: int) -> None:
    """Raise `InvalidContent` unless the text is storable, of at most `limit` characters and not blank."""
    if not text.strip():
        raise InvalidContent(
            "%(field)s is empty: write a message first.", field=field, values={"field": field}
        )
    if len(text) > limit:
        raise InvalidContent(
            "%(field)s is too long: at most %(limit)s characters are allowed.",
            field=field,
            values={"field": field, "limit": limit},
        )
    require_storable(text, field=field)

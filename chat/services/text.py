"""Which texts can be stored."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chat.services.errors import InvalidContent, InvalidRequest, ServiceError

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512


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


def require_pairs(metadata: Mapping[str, str]) -> None:
    """Raise `InvalidRequest` unless these are as few, as short and as storable as OpenAI's `metadata`."""
    if len(metadata) > MAX_PAIRS:
        raise InvalidRequest(
            "'metadata' has at most %(most)s pairs.", field="metadata", values={"most": MAX_PAIRS}
        )
    for key, value in metadata.items():
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise InvalidRequest(
                "'metadata' keys have at most %(key)s characters, values %(value)s.",
                field="metadata",
                values={"key": MAX_KEY, "value": MAX_VALUE},
            )
        require_storable(key, field="metadata", error=InvalidRequest)
        require_storable(value, field="metadata", error=InvalidRequest)

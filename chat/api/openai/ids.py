"""Ids as OpenAI writes them: what they are of, and then which."""

from __future__ import annotations

from uuid import UUID

FILE = "file-"
BATCH = "batch_"


def parse_id(prefix: str, given: str) -> UUID:
    """The id behind the prefix; for anything else one that belongs to nothing."""
    digits = given.removeprefix(prefix)
    try:
        return UUID(hex=digits) if given.startswith(prefix) else UUID(int=0)
    except ValueError:
        return UUID(int=0)

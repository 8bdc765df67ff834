"""One request, one result: what a client names by `Idempotency-Key` is done once."""

from __future__ import annotations

import hashlib

from chat.services.errors import Conflict

HEADER = "Idempotency-Key"


def digest_key(key: str) -> str:
    """The key as the database keeps it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def require_same(*, known: str, fingerprint: str) -> None:
    """Raises `Conflict` when the key was used for a request with another fingerprint."""
    if known != fingerprint:
        raise Conflict(
            "This %(header)s was used for another request: choose a new one.",
            field=HEADER,
            values={"header": HEADER},
        )

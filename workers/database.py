"""What worker threads share about the database."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, close_old_connections

OUTAGE = (OperationalError, InterfaceError)
"""The connection's errors, not the statement's: the same call will do once the database is back."""


def reconnect() -> None:
    """Drop this thread's connection when it is broken or no longer needed; the next query opens another."""
    close_old_connections()

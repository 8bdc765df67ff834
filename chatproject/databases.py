"""How the two databases are used."""

from __future__ import annotations

from typing import Any

SQLITE: dict[str, Any] = {
    "CONN_MAX_AGE": 300,  # opening one costs as much as a turn's queries
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # What is deleted is overwritten, so that nobody reads it in the file.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        " PRAGMA secure_delete=ON;",
    },
}
POSTGRESQL: dict[str, Any] = {
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,  # after a restart the pool is full of dead connections
    "OPTIONS": {
        # Short, so that a server that is back is noticed: the pool itself would back off for minutes.
        "pool": {"min_size": 1, "max_size": 16, "timeout": 2, "reconnect_timeout": 1},
        "connect_timeout": 5,
        # A network that swallows everything is noticed in seconds, not in hours.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        # Whoever froze or lost the network in a transaction must not hold its rows longer than a lease.
        "options": "-c idle_in_transaction_session_timeout=4000",
    },
}

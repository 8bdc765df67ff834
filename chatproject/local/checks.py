"""What must hold before anything is started. Each refusal is one line that says what to change."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import Any, cast

from django.db import OperationalError, connection

from chatproject.local.redis import why_unreachable

# The kernel takes 107 bytes of path for a Unix socket; the supervisor's own adds up to 23 to DATA_DIR.
LONGEST_DATA_DIR = 80


class CannotStart(SystemExit):
    """The start is refused; the message is the one line the operator sees."""


def require_short_path(data_dir: Path) -> None:
    """Unix sockets live in DATA_DIR."""
    length = len(os.fsencode(data_dir))
    if length > LONGEST_DATA_DIR:
        raise CannotStart(
            f"DATA_DIR is too long a path for Unix sockets ({length} characters, "
            f"at most {LONGEST_DATA_DIR}): choose a shorter one."
        )


def lock_data_dir(data_dir: Path) -> int:
    """Keep a second deployment out of `data_dir`, as long as the returned descriptor is open."""
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CannotStart(
            f"Parley already runs on DATA_DIR {data_dir}: stop it first, or choose another DATA_DIR."
        ) from None
    return descriptor


def require_free_port(host: str, port: int) -> None:
    """Can the web server listen there?"""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"PORT {port} is in use on {host}: set PORT to a free one.") from None
        reason = error.strerror or str(error)
        raise CannotStart(f"PORT {port} on HOST {host} cannot be listened on: {reason}.") from None


def require_redis(url: str) -> None:
    """Does the configured Redis answer?"""
    reason = why_unreachable(url)
    if reason:
        raise CannotStart(f"REDIS_URL: no Redis answers there ({reason}).")


def require_database() -> None:
    """Does the configured database answer?"""
    try:
        if connection.vendor == "postgresql":
            _connect_without_pool()
        connection.ensure_connection()
    except OperationalError as error:
        raise CannotStart(f"DATABASE_URL: the database does not answer ({_reason(error)}).") from None


def _connect_without_pool() -> None:
    """The pool would try for longer, complain to the log, and not tell the reason."""
    driver = cast(Any, connection).Database
    with connection.wrap_database_errors:
        driver.connect(**connection.get_connection_params()).close()


def _reason(error: Exception) -> str:
    """The server's words in one line; of several addresses that were tried, the first one's."""
    lines = [line.strip(" \t-") for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines = lines[1:]
    return lines[0].removeprefix("connection failed: ").rstrip(".") if lines else type(error).__name__

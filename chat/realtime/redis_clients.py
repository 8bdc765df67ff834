"""Redis for what may be lost: tickets, presence, counts. Every call gives up after two seconds, or sooner."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 2
OPTIONS: dict[str, Any] = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "decode_responses": True,
}

REDIS_ERRORS = (redis.RedisError, OSError, TimeoutError)

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


@cache
def redis_client(timeout: float = TIMEOUT_SECONDS) -> redis.Redis:
    """The process's client for threads, whose calls give up after `timeout` seconds."""
    options = OPTIONS | {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    return redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 1), **options)


def async_redis() -> redis.asyncio.Redis:
    """The running loop's client; connections belong to their loop."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, retry=AsyncRetry(NoBackoff(), 1), **OPTIONS
        )
    return _clients[loop]

"""Django's cache: Redis, and disposable as everything in it. Without Redis nothing is limited."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache

from chat.realtime.redis_clients import REDIS_ERRORS

logger = logging.getLogger(__name__)

BLIND_SECONDS = 5.0


class DisposableCache(RedisCache):
    """What allauth counts attempts in. After a failed call nobody asks Redis for `BLIND_SECONDS`."""

    _blind_until = 0.0

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        """True without Redis: the lock is free, the code was not used."""
        return bool(self._ask(lambda: RedisCache.add(self, key, value, *args, **kwargs), True))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The default without Redis."""
        return self._ask(lambda: RedisCache.get(self, key, default, version), default)

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing without Redis."""
        self._ask(lambda: RedisCache.set(self, key, value, *args, **kwargs), None)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """False without Redis."""
        return bool(self._ask(lambda: RedisCache.delete(self, key, version), False))

    def _ask(self, call: Callable[[], Any], default: Any) -> Any:
        if time.monotonic() < DisposableCache._blind_until:
            return default
        try:
            return call()
        except REDIS_ERRORS as error:
            logger.warning("the cache is not used for %g s: %s", BLIND_SECONDS, error)
            DisposableCache._blind_until = time.monotonic() + BLIND_SECONDS
            return default

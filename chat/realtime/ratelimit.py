"""A token bucket, so that one client's flood never reaches the database."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """`burst` takes at once, then `rate` a second. The clock gives seconds."""

    def __init__(
        self, *, burst: int = 30, rate: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

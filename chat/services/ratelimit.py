"""Token buckets in Redis: how many requests a person, and each of their keys, may make.

One script takes from every bucket or from none, by Redis' own clock, so that all web processes and sockets
share them. Redis is disposable: without it everybody is let through, and what is written stays bounded by
the limits that the database counts.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

from django.conf import settings

from chat.realtime.redis_clients import REDIS_ERRORS, redis_client
from chat.services.callers import Caller
from chat.services.errors import TooManyRequests

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.25
BLIND_SECONDS = 5.0
LOGINS_PER_MINUTE, LOGINS_PER_ADDRESS = 10, 60

TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local left, allowed = {}, 1
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local stored = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = tonumber(stored[1]) or burst
  left[i] = math.min(burst, tokens + math.max(0, now - (tonumber(stored[2]) or now)) * rate)
  if left[i] < 1 then allowed = 0 end
end
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  left[i] = left[i] - allowed
  redis.call('HSET', key, 'tokens', tostring(left[i]), 'at', tostring(now))
  redis.call('EXPIRE', key, math.ceil(burst / rate) + 1)
  left[i] = tostring(left[i])
end
return {allowed, unpack(left)}
"""

_blind_until = 0.0


@dataclass(frozen=True)
class Bucket:
    """`burst` requests at once, then `rate` a second."""

    name: str
    key: str
    rate: float
    burst: int


@dataclass(frozen=True)
class Quota:
    """What is left in a bucket."""

    bucket: Bucket
    left: float

    @property
    def remaining(self) -> int:
        """Requests that would be let through now."""
        return max(0, math.floor(self.left))

    @property
    def seconds_until_full(self) -> int:
        """When all of the burst is there again."""
        return math.ceil((self.bucket.burst - self.left) / self.bucket.rate)

    @property
    def seconds_until_next(self) -> int:
        """When one more request is let through."""
        return max(1, math.ceil((1 - self.left) / self.bucket.rate))


@dataclass(frozen=True)
class Verdict:
    """Whether a request is let through, and what is left; without quotas nothing was counted."""

    allowed: bool
    quotas: tuple[Quota, ...] = ()

    def enforce(self) -> None:
        """Raise `TooManyRequests` unless allowed."""
        if not self.allowed:
            seconds = max(quota.seconds_until_next for quota in self.quotas if quota.left < 1)
            raise TooManyRequests(
                "Too many requests: try again in %(seconds)s s.",
                retry_after=seconds,
                values={"seconds": seconds},
            )


def count_request(caller: Caller) -> Verdict:
    """Count one request, or one command of a socket, of this caller."""
    if not settings.RATE_LIMIT_PER_SECOND:
        return Verdict(allowed=True)
    place = f"parley:rate:{{{caller.user.id}}}"
    buckets = [Bucket("user", place, settings.RATE_LIMIT_PER_SECOND, settings.RATE_LIMIT_BURST)]
    if caller.key is not None and caller.key.requests_per_minute:
        limit = caller.key.requests_per_minute
        buckets.append(Bucket("key", f"{place}:{caller.key.id}", limit / 60, limit))
    return take(*buckets)


def count_login(*, username: str, address: str) -> Verdict:
    """Count one attempt to log in: passwords are tried fast neither for one name from many addresses, nor for
    many names from one.
    """
    by_name, by_address = f"name:{username.lower()[:150]}", f"address:{address}"
    return take(
        Bucket("login", f"parley:{{login}}:{by_name}", LOGINS_PER_MINUTE / 60, LOGINS_PER_MINUTE),
        Bucket("address", f"parley:{{login}}:{by_address}", LOGINS_PER_ADDRESS / 60, LOGINS_PER_ADDRESS),
    )


def take(*buckets: Bucket) -> Verdict:
    """Take one token from each bucket, or from none if one is empty."""
    global _blind_until
    if time.monotonic() < _blind_until:
        return Verdict(allowed=True)
    arguments = [number for bucket in buckets for number in (bucket.rate, bucket.burst)]
    try:
        script = redis_client(TIMEOUT_SECONDS).register_script(TAKE)
        allowed, *left = script(keys=[bucket.key for bucket in buckets], args=arguments)
    except REDIS_ERRORS as error:
        logger.warning("requests are not counted for %g s: %s", BLIND_SECONDS, error)
        _blind_until = time.monotonic() + BLIND_SECONDS
        return Verdict(allowed=True)
    quotas = (Quota(bucket, float(tokens)) for bucket, tokens in zip(buckets, left, strict=True))
    return Verdict(bool(allowed), tuple(quotas))

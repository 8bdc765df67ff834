from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from chat.models import ApiKey, User
from chat.realtime.redis_clients import redis_client
from chat.services import ratelimit
from chat.services.callers import Caller
from chat.services.errors import TooManyRequests
from chat.services.ratelimit import Bucket, count_login, count_request, take


@pytest.fixture(autouse=True)
def _sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "_blind_until", 0.0)


def bucket(name: str = "user", *, rate: float = 0.001, burst: int = 3) -> Bucket:
    return Bucket(name, f"test:{uuid.uuid4()}", rate, burst)


def person(**key: Any) -> Caller:
    user = User(id=uuid.uuid4())
    return Caller(user, ApiKey(id=uuid.uuid4(), user=user, **key) if key else None)


@pytest.mark.services
class TestBuckets:
    def test_a_burst_and_then_nothing(self) -> None:
        full = bucket()
        verdicts = [take(full) for _ in range(4)]
        assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
        assert [verdict.quotas[0].remaining for verdict in verdicts] == [2, 1, 0, 0]
        with pytest.raises(TooManyRequests) as caught:
            verdicts[-1].enforce()
        assert 990 <= caught.value.retry_after <= 1000

    def test_it_fills_again(self) -> None:
        fast = bucket(rate=1000, burst=1)
        assert take(fast).allowed
        redis_client().hincrbyfloat(fast.key, "at", -1)
        assert take(fast).allowed
        assert take(fast).quotas[0].left <= 1

    def test_from_all_or_from_none(self) -> None:
        wide, narrow = bucket(burst=5), bucket("key", burst=1)
        assert take(wide, narrow).allowed
        refused = take(wide, narrow)
        assert not refused.allowed
        assert [quota.remaining for quota in refused.quotas] == [4, 0]

    def test_an_idle_bucket_is_forgotten(self) -> None:
        idle = bucket(rate=1, burst=10)
        take(idle)
        assert 10 <= redis_client().ttl(idle.key) <= 11

    def test_a_person_s_keys_share_the_person_s_limit(self, settings: Any) -> None:
        settings.RATE_LIMIT_PER_SECOND, settings.RATE_LIMIT_BURST = 0.001, 2
        ann = person()
        assert count_request(ann).allowed
        assert count_request(Caller(ann.user, ApiKey(id=uuid.uuid4()))).allowed
        assert not count_request(ann).allowed
        assert count_request(person()).allowed

    def test_a_key_s_own_limit(self) -> None:
        robot = person(requests_per_minute=1)
        first = count_request(robot)
        assert [quota.bucket.name for quota in first.quotas] == ["user", "key"]
        assert not count_request(robot).allowed
        assert count_request(Caller(robot.user)).allowed

    def test_passwords_cannot_be_tried_fast(self) -> None:
        name, address = str(uuid.uuid4()), str(uuid.uuid4())
        tries = [count_login(username=each, address=str(uuid.uuid4())) for each in [name, name.upper()] * 6]
        assert [verdict.allowed for verdict in tries] == [True] * 10 + [False] * 2
        tries = [count_login(username=str(uuid.uuid4()), address=address) for _ in range(62)]
        assert [verdict.allowed for verdict in tries] == [True] * 60 + [False] * 2


def test_none_is_counted_when_there_is_no_limit(settings: Any) -> None:
    settings.RATE_LIMIT_PER_SECOND = 0
    assert count_request(person()) == ratelimit.Verdict(allowed=True)


def test_without_redis_everybody_is_let_through_and_redis_is_left_alone(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    monkeypatch.setattr(ratelimit, "_blind_until", 0.0)  # another test may just have missed it
    redis_client.cache_clear()
    try:
        assert [take(bucket(burst=1)).allowed for _ in range(3)] == [True] * 3
        assert len(caplog.records) == 1
        assert ratelimit._blind_until > time.monotonic()
    finally:
        redis_client.cache_clear()

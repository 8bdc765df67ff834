from __future__ import annotations

from chat.realtime.ratelimit import TokenBucket


def test_a_burst_then_the_rate() -> None:
    now = [100.0]
    bucket = TokenBucket(burst=3, rate=2, clock=lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]


def test_it_never_saves_more_than_the_burst() -> None:
    now = [0.0]
    bucket = TokenBucket(burst=2, rate=100, clock=lambda: now[0])
    now[0] += 1000
    assert [bucket.take() for _ in range(3)] == [True, True, False]

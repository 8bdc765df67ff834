from __future__ import annotations

from uuid import uuid4

import pytest
import redis

from chat.realtime import tickets
from chat.realtime.redis_clients import redis_client
from chat.services.errors import Unavailable

DEAD = "redis://127.0.0.1:1/0"


@pytest.mark.services
async def test_a_ticket_is_good_once_and_for_a_minute() -> None:
    user_id = uuid4()
    ticket = tickets.issue_ticket(user_id=user_id)
    assert 0 < redis_client().ttl(f"parley:ticket:{ticket}") <= 60
    assert await tickets.redeem_ticket(ticket) == user_id
    assert await tickets.redeem_ticket(ticket) is None


@pytest.mark.services
async def test_a_made_up_ticket_is_nobody_s() -> None:
    assert await tickets.redeem_ticket("x" * 10_000) is None


async def test_without_redis_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "redis_client", lambda: redis.Redis.from_url(DEAD))
    monkeypatch.setattr(tickets, "async_redis", lambda: redis.asyncio.Redis.from_url(DEAD))
    with pytest.raises(Unavailable) as caught:
        tickets.issue_ticket(user_id=uuid4())
    assert caught.value.retry_after == 5
    assert await tickets.redeem_ticket("x") is None

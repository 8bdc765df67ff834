from __future__ import annotations

from uuid import uuid4

import pytest
import redis

from chat.realtime import presence as module
from chat.realtime.presence import Presence, Seat, count_connections, presence
from chat.realtime.redis_clients import async_redis


def seat(session: object = None, user: object = None) -> Seat:
    return Seat(session or uuid4(), user or uuid4(), uuid4().hex)  # type: ignore[arg-type]


@pytest.mark.services
async def test_a_user_with_two_tabs_joins_and_leaves_once() -> None:
    first = seat()
    second = seat(first.session_id, first.user_id)
    here = Presence()
    entered = await here.enter(first)
    assert (entered.is_first, entered.sockets) == (True, 1)
    entered = await here.enter(second)
    assert (entered.is_first, entered.sockets) == (False, 2)
    assert not await here.leave(first)
    assert await here.leave(second)
    assert not await here.leave(second)


@pytest.mark.services
async def test_processes_see_each_other() -> None:
    here, there, mine = Presence(), Presence(), seat()
    yours = seat(mine.session_id, mine.user_id)
    assert (await here.enter(mine)).is_first
    assert (await there.enter(yours)).sockets == 2
    assert not await here.leave(mine)
    assert await there.leave(yours)


@pytest.mark.services
async def test_seats_expire_and_are_refreshed_after_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    here, mine = Presence(), seat()
    await here.enter(mine)
    await async_redis().delete(mine.session_key, mine.user_key, module.ALL_SOCKETS)
    assert count_connections() == 0
    await here.refresh_now()
    assert count_connections() == 1
    monkeypatch.setattr(module, "EXPIRES_SECONDS", -1)
    await here.refresh_now()
    assert count_connections() == 0
    await here.leave(mine)


@pytest.mark.services
async def test_the_refresher_runs_while_somebody_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.01)
    here, mine = Presence(), seat()
    await here.enter(mine)
    await async_redis().delete(mine.session_key)
    for _ in range(1000):
        if await async_redis().exists(mine.session_key):
            break
    assert await async_redis().exists(mine.session_key)
    await here.leave(mine)


async def test_without_redis_a_process_counts_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = redis.asyncio.Redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr(module, "async_redis", lambda: dead)
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0)
    here, mine = Presence(), seat()
    assert (await here.enter(mine)).sockets == 1
    entered = await here.enter(seat(mine.session_id, mine.user_id))
    assert (entered.is_first, entered.sockets) == (False, 2)
    assert not await here.leave(mine)


async def test_one_per_loop() -> None:
    assert presence() is presence()

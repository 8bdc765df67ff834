"""Threads of requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chatproject import threads
from chatproject.threads import KeptThreads

Ask = Callable[[], Awaitable[None]]


def asked(seen: list[threading.Thread], meanwhile: Callable[[], Awaitable[object]]) -> Ask:
    """One request after the other of an application that notes its thread, and what it does meanwhile."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await sync_to_async(threading.current_thread)())
        await meanwhile()
        seen.append(await sync_to_async(threading.current_thread)())

    kept: Any = KeptThreads(application)
    return lambda: kept({}, None, None)


async def test_requests_one_after_the_other_share_a_thread() -> None:
    seen: list[threading.Thread] = []
    ask = asked(seen, lambda: asyncio.sleep(0))
    for _ in range(3):
        await ask()
    assert len(set(seen)) == 1
    assert seen[0] is not threading.current_thread()


async def test_requests_at_once_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_IDLE", 2)
    seen: list[threading.Thread] = []
    together = asyncio.Barrier(4)
    ask = asked(seen, together.wait)
    for _ in range(2):
        await asyncio.gather(*(ask() for _ in range(4)))
    assert [len(set(seen[:8])), len(set(seen[8:]))] == [4, 4]
    assert len(set(seen)) > 4  # more than two are not kept


async def test_a_failure_leaves_the_thread_too() -> None:
    seen: list[threading.Thread] = []

    async def fail() -> None:
        raise ZeroDivisionError

    ask = asked(seen, fail)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await ask()
    assert len(set(seen)) == 1

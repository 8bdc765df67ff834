from __future__ import annotations

import asyncio

import pytest

from chat.realtime import typing_notice
from chat.realtime.typing_notice import TypingNotice


async def test_it_tells_changes_only() -> None:
    told: list[bool] = []
    notice = TypingNotice(told.append)
    notice.stop()
    notice.start()
    notice.start()
    assert told == [True]
    notice.stop()
    notice.stop()
    assert told == [True, False]


async def test_silence_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_notice, "CLEARS_AFTER_SECONDS", 0.01)
    told: asyncio.Queue[bool] = asyncio.Queue()
    TypingNotice(told.put_nowait).start()
    assert await asyncio.wait_for(told.get(), 5)
    assert not await asyncio.wait_for(told.get(), 5)


def test_it_clears_after_six_seconds() -> None:
    assert typing_notice.CLEARS_AFTER_SECONDS == 6

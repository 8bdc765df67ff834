"""Streams that tell what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat.api.openai import choices
from chat.realtime.protocol.events import DeltaEvent
from inference.tool_calls import SYNTAXES


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each generation's stream tells."""
    said: list[Any] = []

    async def follow(generation_id: object, *, after_seq: int, told: object) -> AsyncIterator[Any]:
        for event in said:
            if not isinstance(event, DeltaEvent) or event.seq > after_seq:
                yield event

    monkeypatch.setattr(choices, "follow_generation", follow)
    monkeypatch.setattr(choices, "find_syntax", lambda generation_id: SYNTAXES["hermes"])
    monkeypatch.setattr(choices, "in_database", sync_to_async)
    return said

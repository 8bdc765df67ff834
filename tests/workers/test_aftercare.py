"""What follows the ends of several replies at once."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from workers import aftercare


def test_a_reply_that_fails_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, other = uuid4(), uuid4()
    cared_for: list[UUID] = []

    def look_through(*, generation_id: UUID) -> None:
        if generation_id == broken:
            raise ValueError("a row that cannot be read")

    monkeypatch.setattr(aftercare, "look_through", look_through)
    monkeypatch.setattr(aftercare, "ask_guard", lambda *, generation_id: None)
    monkeypatch.setattr(aftercare, "ask_about", lambda *, generation_id: cared_for.append(generation_id))
    aftercare._care([broken, other])

    assert cared_for == [other]
    assert f"generation {broken} failed" in caplog.text

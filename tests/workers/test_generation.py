"""One attempt between the thread that claimed, its engine's thread and the flusher."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workers.conftest import FakeEngine, as_client
from workers.flusher import Flusher
from workers.generation import GenerationRun

pytestmark = pytest.mark.django_db(transaction=True)

Claim = Callable[..., GenerationRun]


def test_only_a_first_token_and_an_end_are_urgent_and_a_start_is_no_news(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    run = claim_run()
    signs = (flusher._news, flusher._urgent)
    speeches: list[Callable[[], None]] = [
        lambda: engine.start(run),
        lambda: engine.say(run, "a"),
        lambda: engine.say(run, "b"),
        lambda: engine.finish(run),
    ]
    heard = []
    for speak in speeches:
        for sign in signs:
            sign.clear()
        speak()
        heard.append(tuple(sign.is_set() for sign in signs))
    assert heard == [(False, False), (True, True), (True, False), (True, True)]


def test_a_draft_stays_the_same_until_it_is_committed(claim_run: Claim, engine: FakeEngine) -> None:
    run = claim_run()
    engine.say(run, "a", 1)
    draft = run.draft()
    engine.say(run, "b", 2)

    assert run.draft() is draft
    assert (draft.text, draft.seq) == ("a", 0)
    assert not run.commit()
    assert (run.draft().text, run.draft().token_ids, run.draft().seq) == ("b", [2], 1)
    assert engine.acknowledged == [(run.request_id, 1)]


def test_what_is_over_asks_its_engine_nothing(
    claim_run: Claim, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = claim_run(), list[object]()
    run.abandon()
    monkeypatch.setattr(engine, "prepare", lambda *given, **_: asked.append(given))
    run.start(as_client(engine), "digest")
    assert asked == []


def test_what_has_ended_is_not_handed_over(claim_run: Claim, engine: FakeEngine) -> None:
    run = claim_run()
    assert run.can_move
    engine.is_movable = False
    assert not run.can_move
    engine.is_movable = True
    engine.finish(run)
    assert not run.can_move

"""One attempt between the thread that claimed, its engine's thread and the flusher."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.workers.conftest import FakeEngine
from workers.flusher import Flusher
from workers.generation import GenerationRun

pytestmark = pytest.mark.django_db(transaction=True)

Claim = Callable[..., GenerationRun]


def test_only_a_first_token_and_an_end_are_urgent(
    claim_run: Claim, engine: FakeEngine, flusher: Flusher
) -> None:
    run = claim_run()
    due = flusher._due

    speeches: list[Callable[[], None]] = [
        lambda: engine.start(run),
        lambda: engine.say(run, "a"),
        lambda: engine.say(run, "b"),
        lambda: engine.finish(run),
    ]
    urgent = []
    for speak in speeches:
        due.clear()
        speak()
        urgent.append(due.is_set())
    assert urgent == [False, True, False, True]


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


def test_wait_returns_when_the_attempt_is_over(claim_run: Claim) -> None:
    run = claim_run()
    assert not run.wait(0)
    threading.Thread(target=run.abandon).start()
    assert run.wait(10)


def test_what_has_ended_is_not_handed_over(claim_run: Claim, engine: FakeEngine) -> None:
    run = claim_run()
    assert run.can_move
    engine.is_movable = False
    assert not run.can_move
    engine.is_movable = True
    engine.finish(run)
    assert not run.can_move

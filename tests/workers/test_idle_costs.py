"""What a worker's threads ask, over and over, while there is nothing to do: one cheap question each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.sql.compiler import SQLCompiler, SQLUpdateCompiler
from pytest_django import DjangoAssertNumQueries

from chat.models import WorkerStatus
from chat.selectors.operating import models_to_take
from chat.selectors.providers import remote_models
from chat.services.batches import claim_lines, deliver_notices, release_expired_lines, take_job
from chat.services.describing import ask_about
from chat.services.generations import fall_back, may_be_claimable, settle_abandoned, tick_control
from chat.services.workers import heartbeat
from tests.support.factories import make_generation
from workers.clerk import ClerkWatch
from workers.heartbeat import Heartbeat, WorkerState

pytestmark = pytest.mark.django_db

LOOKS: dict[str, tuple[int, Callable[[], object]]] = {
    "generations to claim": (1, lambda: may_be_claimable(["paced"])),
    "a tick that somebody else has just done": (2, tick_control),
    "lines to claim": (1, lambda: claim_lines(worker="w", models=["paced"], count=4)),
    "lines for no model": (0, lambda: claim_lines(worker="w", models=[], count=4)),
    "lost lines": (1, release_expired_lines),
    "jobs for a clerk": (1, take_job),
    "word to be sent": (1, deliver_notices),
    "models that are held back": (1, lambda: models_to_take(worker="w", models=["paced"])),
    "models of providers": (1, remote_models),
    "abandoned generations": (1, settle_abandoned),
    "generations for a fallback": (1, fall_back),
    "a beat": (1, lambda: heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"])),
}


class Written:
    """Counts the statements that Django writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for compiler in (SQLCompiler, SQLUpdateCompiler):
            monkeypatch.setattr(compiler, "as_sql", self._counting(compiler.as_sql))

    def _counting(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def as_sql(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return write(*args, **kwargs)

        return as_sql


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(monkeypatch)


@pytest.mark.parametrize(("queries", "look"), LOOKS.values(), ids=LOOKS)
def test_to_look_in_vain_asks_once_and_writes_nothing_anew(
    queries: int,
    look: Callable[[], object],
    written: Written,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    look()
    written.count = 0
    with django_assert_num_queries(queries):
        look()
    assert written.count == 0


def test_a_beat_and_its_housekeeping_and_a_clerks_watch_write_nothing_anew(
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr("workers.chores.schedule", dict)
    state = WorkerState(name="w", device="cpu", slots=4, models=["paced"], status=WorkerStatus.READY)
    heart = Heartbeat(state, busy=lambda: 0, look_after=lambda: None, is_current=lambda: True)
    watch = ClerkWatch()
    for loop, queries in ((heart.beat, 4), (watch.look, 1), (deliver_notices, 1)):
        loop()
        written.count = 0
        with django_assert_num_queries(queries):
            loop()
        assert written.count == 0


def test_what_may_want_neither_title_nor_summary_is_not_asked_about(
    settings: Any, written: Written, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.AUTO_TITLES, settings.SUMMARY_EVERY = False, 0
    generation = make_generation()
    ask_about(generation_id=generation.id)
    written.count = 0
    with django_assert_num_queries(0):
        ask_about(generation_id=generation.id)
    assert written.count == 0

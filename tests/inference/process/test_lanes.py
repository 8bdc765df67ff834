"""Whose turn it is to be prepared, with preparations that the test holds up."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from inference.process.framing import Answer, Call, Prepare, Prepared, Preparing
from inference.process.lanes import KNOWN_THREADS, Lanes
from inference.types.prompts import PreparedPrompt
from tests.support.waiting import wait_until

FOREIGN = "{{ messages }}"


class Desk:
    """Lanes whose every preparation waits until it is let go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.answered: list[int] = []
        self._gates: dict[int, threading.Event] = {}
        self._lanes = Lanes(self._prepare, self._hear)

    def ask(self, call_id: int, template: str = "") -> None:
        self._gates[call_id] = threading.Event()
        self._lanes.put(Prepare(call_id, [], template))

    def let_go(self, *call_ids: int) -> None:
        for call_id in call_ids:
            self._gates[call_id].set()

    def let_all_go(self) -> None:
        self.let_go(*self._gates)

    def give_up(self, call_id: int) -> None:
        self._lanes.give_up(call_id)

    def _prepare(self, command: Call) -> Prepared:
        assert self._gates[command.call_id].wait(30)
        return Prepared(command.call_id, PreparedPrompt(token_ids=[command.call_id]))

    def _hear(self, report: Answer | Preparing) -> None:
        (self.begun if isinstance(report, Preparing) else self.answered).append(report.call_id)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.let_all_go()


def test_who_wrote_a_slow_template_waits_and_nobody_else(desk: Desk) -> None:
    for call_id in range(5):
        desk.ask(call_id, FOREIGN)
    desk.ask(10)
    desk.ask(11, "chatml")
    desk.let_go(10, 11)
    wait_until(lambda: sorted(desk.answered) == [10, 11], what="the neighbours")

    assert [call_id for call_id in desk.begun if call_id < 10] == [0], "one at a time"
    desk.let_all_go()
    wait_until(lambda: desk.answered[2:] == [0, 1, 2, 3, 4], what="the rest, in order")


def test_one_long_conversation_does_not_hold_the_next(desk: Desk) -> None:
    for call_id in range(KNOWN_THREADS + 1):
        desk.ask(call_id)
    wait_until(lambda: sorted(desk.begun) == list(range(KNOWN_THREADS)), what="the first ones")
    desk.let_go(1, KNOWN_THREADS)

    wait_until(lambda: desk.answered == [1, KNOWN_THREADS], what="all but the long one")


def test_who_was_given_up_in_the_queue_is_skipped(desk: Desk) -> None:
    for call_id in range(3):
        desk.ask(call_id, FOREIGN)
    desk.give_up(1)
    desk.let_all_go()
    wait_until(lambda: desk.answered == [0, 2], what="the others")

    assert desk.begun == [0, 2]


def test_a_preparation_that_is_stuck_keeps_nobody_waiting(desk: Desk) -> None:
    for call_id in range(3):
        desk.ask(call_id, FOREIGN)
    wait_until(lambda: desk.begun == [0], what="the first one")
    desk.let_go(1)
    desk.give_up(0)
    wait_until(lambda: desk.answered == [1], what="the second one")
    desk.let_go(0)
    wait_until(lambda: desk.begun == [0, 1, 2], what="the third one")

    desk.let_go(2)
    wait_until(lambda: desk.answered == [1, 2], what="the third one, and not the first")

"""What a soak makes of a turn's record."""

from __future__ import annotations

from typing import Any

import pytest

from bench.soak import figures
from bench.soak.faults import Fault
from tests.support.chat_client import Timed
from tests.support.faults.history import Turn


def started(at: float, worker: str) -> Timed:
    return Timed(at, {"type": "generation_started", "worker": worker})


def make_turn(*heard: Timed) -> Turn:
    turn = Turn("r", "s", "Hi", 4, 0.0)
    turn.heard = list(heard)
    return turn


def delta(at: float) -> Timed:
    return Timed(at, {"type": "delta", "seq": 0, "text": "x"})


def test_a_gap_runs_from_the_fault_to_text_that_was_not_in_flight() -> None:
    turn = make_turn(started(0, "ann"), delta(1), delta(10.1), started(14, "bob"), delta(14.5))
    faults = [Fault("worker SIGKILL", 10.0, "ann"), Fault("worker SIGKILL", 10.0, "bob")]
    assert list(figures.gaps_of(turn, faults)) == [("worker SIGKILL", 4.5)]


def test_a_fault_after_the_end_hit_nobody() -> None:
    turn = make_turn(started(0, "ann"), delta(1))
    assert list(figures.gaps_of(turn, [Fault("worker SIGKILL", 10.0, "ann")])) == []


class Sockets:
    """A reader's comings and goings."""

    def __init__(self, lost_at: float, back_at: float) -> None:
        self.lost_at, self.back_at = [lost_at], [0.0, back_at]


@pytest.mark.parametrize(("backs", "late"), [([11.0, 12.0], 0), ([11.0, 16.5], 50)])
def test_sockets_must_be_back_five_seconds_after_the_first(backs: list[float], late: float) -> None:
    readers: Any = [Sockets(10.0, back) for back in backs]
    result = figures.share_back(readers, [Fault("web SIGKILL", 9.9)])
    assert result.figures["late"] == late

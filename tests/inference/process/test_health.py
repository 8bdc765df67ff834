from __future__ import annotations

import pytest

from inference.process.framing import Pulse
from inference.process.health import DEADLINES_S, SILENCE_S, Health
from inference.process.supervisor import LONGEST_PAUSE_S, Backoff
from inference.types.engines import Gauges
from tests.support.engine import FakeClock


def beat(health: Health, clock: FakeClock, phase: str, seconds: float, *, steps_per_beat: int = 0) -> None:
    """A pulse every second."""
    for second in range(round(seconds)):
        clock.sleep(1)
        health.observe(Pulse(phase, Gauges(steps=second * steps_per_beat)))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_silence_is_overdue_and_a_new_child_starts_afresh(clock: FakeClock) -> None:
    health = Health(clock)
    clock.sleep(SILENCE_S)
    assert not health.is_overdue
    clock.sleep(1)
    assert health.is_overdue
    health.reset()
    assert not health.is_overdue


@pytest.mark.parametrize("phase", DEADLINES_S)
def test_a_phase_without_progress_is_overdue(clock: FakeClock, phase: str) -> None:
    health = Health(clock)
    health.observe(Pulse(phase, Gauges()))
    beat(health, clock, phase, DEADLINES_S[phase])
    assert not health.is_overdue
    beat(health, clock, phase, 2)
    assert health.is_overdue


def test_steps_are_progress_and_idle_is_healthy(clock: FakeClock) -> None:
    health = Health(clock)
    beat(health, clock, "stepping", 200, steps_per_beat=1)
    assert not health.is_overdue
    beat(health, clock, "idle", 5000)
    assert not health.is_overdue


def test_restarts_come_at_once_then_later_and_later_until_it_is_calm(clock: FakeClock) -> None:
    backoff = Backoff(clock)

    assert [backoff.next_pause() for _ in range(4)] == [0, 0.25, 0.5, 1]
    assert max(backoff.next_pause() for _ in range(10)) == LONGEST_PAUSE_S
    clock.sleep(61)
    assert backoff.next_pause() == 0

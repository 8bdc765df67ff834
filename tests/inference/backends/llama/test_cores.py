"""Threads where there are cores for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from inference.backends.llama.cores import LASTING_LOOKS, Cores, busy_elsewhere_s
from tests.support.engine import FakeClock


class Machine:
    """Other programs, which use so many cores."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.load = 0.0
        self.spent = 100.0

    def cores(self, total: int) -> Cores:
        self.engines = Cores(total, clock=self.clock, busy_elsewhere=lambda: self.spent)
        return self.engines

    def work(self, load: float, seconds: float = 1.0, *, engine_computes: bool = True) -> None:
        self.spent += load * seconds
        self.clock.sleep(seconds)
        if engine_computes:
            self.engines.computed()


@pytest.mark.parametrize(
    ("total", "load", "count"),
    [(2, 0.0, 2), (2, 0.7, 2), (2, 0.8, 1), (2, 1.9, 1), (16, 0.5, 16), (16, 3.2, 13), (16, 40.0, 1)],
)
def test_others_cores_are_left_to_them(total: int, load: float, count: int) -> None:
    machine = Machine()
    cores = machine.cores(total)
    for _ in range(LASTING_LOOKS):
        machine.work(load)
        cores.look()

    assert cores.count == count


@pytest.mark.parametrize(("load", "count"), [(1.4, 2), (1.6, 1)])
def test_a_burst_costs_no_thread_unless_it_fills_the_machine(load: float, count: int) -> None:
    machine = Machine()
    cores = machine.cores(2)
    machine.work(load)
    cores.look()
    assert cores.count == count

    machine.work(0.0)
    cores.look()
    for _ in range(LASTING_LOOKS - 1):
        machine.work(1.4)
        assert not cores.look()
    assert cores.count == 2


def test_a_quiet_machine_is_used_again_and_nobody_looks_twice_a_second() -> None:
    machine = Machine()
    cores = machine.cores(2)
    machine.work(1.6)
    assert cores.look()
    machine.work(0.0, seconds=0.9)
    assert not cores.look()
    machine.work(0.0, seconds=0.2)
    assert cores.look()
    assert cores.count == 2


def test_what_others_did_while_nothing_was_computed_costs_no_thread() -> None:
    machine = Machine()
    cores = machine.cores(2)
    machine.work(2.0, seconds=30.0, engine_computes=False)
    assert not cores.look()

    machine.work(2.0)
    assert cores.look()
    assert cores.count == 1


@pytest.mark.parametrize(("niceness", "elsewhere"), [(0, 90.0), (5, 130.0)])
def test_own_time_and_that_of_nicer_programs_count_for_nothing(
    niceness: int, elsewhere: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = SimpleNamespace(user=100.0, nice=40.0, system=20.0, idle=900.0)
    monkeypatch.setattr("psutil.cpu_times", lambda: spent)
    monkeypatch.setattr("time.process_time", lambda: 30.0)
    monkeypatch.setattr("os.getpriority", lambda which, who: niceness)

    assert busy_elsewhere_s() == elsewhere

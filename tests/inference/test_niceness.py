"""Stepping back, also where Linux shares the processor among sessions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from inference import niceness
from inference.niceness import give_way

TELL = """
import os
from inference.niceness import AUTOGROUP, give_way
give_way({by})
print(os.nice(0), AUTOGROUP.read_text() if AUTOGROUP.exists() else "")
"""


def steps_back(by: int, *, leads_a_session: bool) -> tuple[int, str]:
    """How nice a process is that has given way, and how nice its session ("": Linux has none for it)."""
    program = [sys.executable, "-c", TELL.format(by=by)]
    done = subprocess.run(
        program, start_new_session=leads_a_session, capture_output=True, text=True, check=True
    )
    told, _, session = done.stdout.strip().partition(" ")
    return int(told), session.partition("nice ")[2]


@pytest.mark.parametrize("leads_a_session", [True, False])
def test_a_session_is_as_nice_as_who_leads_it(leads_a_session: bool) -> None:
    _, before = steps_back(0, leads_a_session=leads_a_session)
    told, after = steps_back(3, leads_a_session=leads_a_session)

    assert told == min(os.nice(0) + 3, 19)
    assert after == (str(told) if leads_a_session and before else before)


class Refusing:
    """Linux, while other processes step back."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.written: list[str] = []

    def write_text(self, text: str) -> None:
        if self.times:
            self.times -= 1
            raise BlockingIOError
        self.written.append(text)


@pytest.mark.parametrize(("times", "written"), [(0, ["5"]), (3, ["5"]), (99, [])])
def test_who_is_refused_for_a_moment_tries_again(
    times: int, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    linux = Refusing(times)
    monkeypatch.setattr(niceness, "AUTOGROUP", linux)
    monkeypatch.setattr(niceness, "RETRY_S", 0)
    monkeypatch.setattr("os.nice", lambda by: by)
    monkeypatch.setattr("os.getsid", lambda pid: os.getpid())
    give_way(5)

    assert linux.written == written

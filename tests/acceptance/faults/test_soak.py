"""The soak's short form: what `make soak` does for twenty minutes, for five with fewer sockets.

`make test` runs it beside its other stacks: it has services of its own.
"""

from __future__ import annotations

import pytest

from bench.soak.run import Plan, soak

pytestmark = [pytest.mark.stack, pytest.mark.soak, pytest.mark.timeout(900)]


def test_five_minutes_of_random_faults_break_no_promise() -> None:
    plan = Plan(sockets=24, generations=4, seconds=285, every=20, seed=11, rate=10, sqlite=False)
    results, problems = soak(plan)
    assert problems == []
    faults = next(result.figures["faults"] for result in results if result.name == "soak")
    assert faults >= 8

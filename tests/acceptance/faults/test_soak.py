"""The soak's short form: what `make soak` does for twenty minutes, for half a minute with fewer sockets."""

from __future__ import annotations

import pytest

from bench.soak.run import Plan, soak

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_half_a_minute_of_random_faults_breaks_no_promise() -> None:
    plan = Plan(sockets=12, generations=4, seconds=24, every=8, seed=11, rate=20, sqlite=False)
    results, problems = soak(plan)
    assert problems == []
    faults = next(result.figures["faults"] for result in results if result.name == "soak")
    assert faults >= 2

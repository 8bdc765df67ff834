"""What the scale benchmark makes of what was spent."""

from __future__ import annotations

import pytest

from bench.report import Result
from bench.scale.figures import describe_pool
from bench.scale.meter import Spent


def spent(workers: int, *, cost_s: float) -> Spent:
    """Ten seconds with four streams of ten tokens a second on each worker."""
    parts = {"web": 0.5 * cost_s, "workers": 0.5 * cost_s}
    return Spent(seconds=10, cpu_s=parts, tokens=400 * workers, turns=0, commits=100 * workers)


def figures_of(results: list[Result], name: str) -> Result:
    return next(result for result in results if name in result.name)


def test_fixed_and_marginal_cost_are_told_apart() -> None:
    points = [(count, spent(count, cost_s=0.2 + 0.4 * count)) for count in (1, 2, 4, 8)]
    results = describe_pool(points, 4)
    assert figures_of(results, "fixed, of one core").figures == pytest.approx(
        {"fixed %": 2.0, "marginal s": 1.0}
    )
    line = figures_of(results, "off the line")
    assert (line.figures["most"], line.holds) == (0, True)
    assert not figures_of(results, "off the mean").holds


def test_a_size_that_costs_more_than_the_line_says_is_off() -> None:
    points = [(count, spent(count, cost_s=cost)) for count, cost in ((1, 0.6), (2, 1.6), (4, 1.8))]
    assert not figures_of(describe_pool(points, 4), "off the line").holds


def test_the_part_that_fills_first_is_named() -> None:
    busy = Spent(seconds=10, cpu_s={"web": 2, "redis": 0.5, "workers": 8}, tokens=400, turns=0, commits=1)
    few = Spent(seconds=10, cpu_s={"web": 1, "redis": 0.2, "workers": 4}, tokens=200, turns=0, commits=1)
    full = figures_of(describe_pool([(1, few), (2, busy)], 4), "fill one core")
    assert (full.name, full.figures) == ("workers that fill one core: web first", {"web": 10, "redis": 40})

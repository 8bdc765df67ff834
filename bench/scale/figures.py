"""What the measured loads amount to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import linear_regression

from bench.report import Result
from bench.scale.meter import Spent

Point = tuple[int, Spent]
"""A number of workers, and what was spent with them."""


def describe_pool(points: Sequence[Point], streams: int) -> list[Result]:
    """What tokens cost in pools of several sizes: all told, and what more of them cost.

    The line through all sizes parts what a deployment spends whether anybody writes or not from what each
    token and the worker that says it add. `off` is how far a size lies from that line, in percent of it.
    """
    costs = [spent.cpu_per_1000 for _, spent in points]
    mean = sum(costs) / len(costs)
    marginal, fixed = linear_regression(
        [spent.tokens / spent.seconds for _, spent in points], [_busy(spent) for _, spent in points]
    )
    offs = {
        count: 100 * abs(_busy(spent) * spent.seconds / (fixed * spent.seconds + marginal * spent.tokens) - 1)
        for count, spent in points
    }
    all_told = max(abs(cost - mean) / mean for cost in costs) * 100
    return [
        *(_cost(count, count * streams, spent, offs[count]) for count, spent in points),
        *(_rates(count, spent) for count, spent in points),
        Result(
            name="fixed, of one core; each further 1,000 tokens",
            unit="",
            bounds={},
            figures={"fixed %": round(100 * fixed, 2), "marginal s": round(1000 * marginal, 3)},
        ),
        _within("fixed and marginal cost: off the line", max(offs.values())),
        _within("all told: off the mean", all_told),
        _first_full(*points[-1]),
    ]


def _within(name: str, percent: float) -> Result:
    return Result(name=name, unit="%", bounds={"most": 10}, figures={"most": round(percent, 1)})


def _busy(spent: Spent) -> float:
    """Processor seconds a second."""
    return sum(spent.cpu_s.values()) / spent.seconds


def _cost(count: int, streams: int, spent: Spent, off: float) -> Result:
    return Result(
        name=f"{count} workers, {streams} streams: CPU for 1,000 tokens",
        unit="s",
        bounds={},
        figures={
            "all": round(spent.cpu_per_1000, 3),
            **{part: round(1000 * s / spent.tokens, 3) for part, s in spent.cpu_s.items()},
            "off %": round(off, 1),
        },
    )


def _rates(count: int, spent: Spent) -> Result:
    return Result(
        name=f"{count} workers: tokens/s, commits/s, % of a core",
        unit="",
        bounds={},
        figures={
            "tokens/s": round(spent.tokens / spent.seconds, 1),
            "commits/s": round(spent.commits / spent.seconds, 1),
            **_shares(spent, count),
        },
    )


def _shares(spent: Spent, workers: int) -> Mapping[str, float]:
    """How much of one core each part uses; of the workers, each."""
    return {part: round(spent.share(part, workers if part == "workers" else 1), 1) for part in spent.cpu_s}


def _first_full(count: int, spent: Spent) -> Result:
    """At how many workers like these the parts that there is one of would fill a core."""
    single = {part: spent.share(part) for part in spent.cpu_s if part != "workers"}
    full: dict[str, float] = {part: round(count * 100 / share) for part, share in single.items() if share}
    first = min(full, key=lambda part: full[part])
    return Result(name=f"workers that fill one core: {first} first", unit="", bounds={}, figures=full)


def describe_idle(spent: Spent) -> list[Result]:
    """Of one core each."""
    shares = {part: round(spent.share(part), 2) for part in spent.cpu_s}
    return [Result(name="idle, of one core", unit="%", bounds={"web": 2, "workers": 2}, figures=shares)]


def describe_saturation(spent: Spent, workers: int) -> list[Result]:
    """Turns and commits a second, and how busy each part was."""
    figures = {
        "turns/s": round(spent.turns / spent.seconds, 1),
        "commits/s": round(spent.commits / spent.seconds, 1),
        "commits/turn": round(spent.commits / max(1, spent.turns), 1),
    }
    shares = {part: round(spent.share(part), 1) for part in spent.cpu_s}
    return [
        Result(name=f"one-token turns, {workers} workers", unit="", bounds={}, figures=figures),
        Result(name="of one core each", unit="%", bounds={}, figures=shares),
    ]

"""What a soak measures, from each turn's record and the list of faults."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.report import Result, percentile
from bench.soak.faults import Fault
from tests.support.faults.history import Turn
from tests.support.faults.reader import Reader

IN_FLIGHT_S = 0.15
"""What was committed before a fault may still be read so long after it."""

BACK_WITHIN_S = 5.0
BOUNDS = {
    "worker SIGKILL": {"p50": 5.0, "p99": 7.0},
    "worker SIGTERM": {"p99": 1.5},
    "engine SIGSEGV": {"p99": 3.0},
    "engine SIGKILL": {"p99": 3.0},
}


def gaps_of(turn: Turn, faults: Sequence[Fault]) -> Iterable[tuple[str, float]]:
    """(kind, seconds) from each fault that hit a turn to its next new text."""
    started = [timed for timed in turn.heard if timed.frame["type"] == "generation_started"]
    times = [timed.at for timed in turn.deltas]
    for fault in faults:
        runs = [timed.frame["worker"] for timed in started if timed.at <= fault.at]
        hit = fault.worker and runs and runs[-1] == fault.worker
        later = bisect_left(times, fault.at + IN_FLIGHT_S)
        if hit and later < len(times):
            yield fault.kind, times[later] - fault.at


def reconnections(readers: Sequence[Reader], fault: Fault) -> list[float]:
    """Seconds from the server's return, as the first reader noticed it, to each reader's."""
    backs = []
    for reader in readers:
        lost = [at for at in reader.lost_at if fault.at <= at < fault.at + 10]
        back = [at for at in reader.back_at if lost and at > lost[0]]
        if back:
            backs.append(back[0])
    return [at - min(backs) for at in backs]


def summarise(samples: dict[str, list[float]]) -> list[Result]:
    """One row a kind of fault."""
    results = []
    for kind, seconds in sorted(samples.items()):
        figures = {
            "p50": round(percentile([*seconds, *seconds], 50), 2),
            "p99": round(percentile([*seconds, *seconds], 99), 2),
            "max": round(max(seconds), 2),
        }
        results.append(
            Result(
                name=f"{kind} → next new text ({len(seconds)})",
                unit="s",
                bounds=BOUNDS.get(kind, {}),
                figures=figures,
                samples=[round(value, 3) for value in seconds],
            )
        )
    return results


def share_back(readers: Sequence[Reader], faults: Sequence[Fault]) -> Result:
    """The share of sockets that were open again within five seconds of the server's return."""
    seconds = [
        gap for fault in faults if fault.kind.startswith("web") for gap in reconnections(readers, fault)
    ]
    late = sum(gap > BACK_WITHIN_S for gap in seconds)
    share = round(100 * late / max(1, len(seconds)), 2)
    return Result(
        name=f"sockets not back within {BACK_WITHIN_S:g} s of the server ({len(seconds)})",
        unit="%",
        bounds={"late": 1},
        figures={"late": share, "max_s": round(max(seconds, default=0), 2)},
    )


def lost_characters(problems: Sequence[str]) -> Result:
    """Violations the checker found: lost, repeated, reordered, unfinished, stale."""
    return Result(name="violations", unit="", bounds={"count": 0}, figures={"count": float(len(problems))})


def collect() -> dict[str, list[float]]:
    """An empty set of samples by kind."""
    return defaultdict(list)

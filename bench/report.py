"""Figures of a benchmark: a table for people, JSON with every sample for later."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of the table: what was measured, against which bound, with all samples."""

    name: str
    unit: str
    bounds: dict[str, float]
    figures: dict[str, float]
    samples: list[float] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every bounded figure stays within its bound."""
        return all(self.figures[name] <= bound for name, bound in self.bounds.items())


def percentile(samples: Sequence[float], percent: int) -> float:
    """The given percentile of at least two samples."""
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


def spread(samples: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    return {
        "median": round(statistics.median(samples), 2),
        "p99": round(percentile(samples, 99), 2),
        "max": round(max(samples), 2),
    }


def print_table(results: Sequence[Result]) -> None:
    """One line a result: figures, bounds, verdict."""
    print(f"\n{'benchmark':<44} {'figures':<52} {'bounds':<28} holds")
    for result in results:
        figures = ", ".join(f"{name} {value:g} {result.unit}" for name, value in result.figures.items())
        bounds = ", ".join(f"{name} ≤ {value:g}" for name, value in result.bounds.items())
        print(f"{result.name:<44} {figures:<52} {bounds:<28} {'yes' if result.holds else 'NO'}")


def describe_run() -> dict[str, Any]:
    """The commit, the time and the machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "commit": commit.stdout.strip() or "unknown",
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
    }


def save(results: Sequence[Result], *, name: str = "turns", **details: Any) -> Path:
    """Write everything, with commit, machine and `details`, to `bench/results/NAME-COMMIT.json`."""
    RESULTS.mkdir(exist_ok=True)
    document = (
        describe_run()
        | details
        | {"results": [asdict(result) | {"holds": result.holds} for result in results]}
    )
    path = RESULTS / f"{name}-{document['commit']}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path

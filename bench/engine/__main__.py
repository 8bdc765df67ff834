"""Measure the engine: `python -m bench.engine [NAME …] [--repeat N] [--sketch]`; medians, raw data kept."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from bench.engine.model import find_model
from bench.engine.servers import OurServer, StartServer
from bench.engine.workloads import SKETCHES, WORKLOADS, Workload
from bench.report import Result, print_table, save

SERVERS: dict[str, StartServer] = {"parley": OurServer}
"""Who is measured, in turn within each run, so that all see the same machine."""


def main(arguments: list[str]) -> None:
    """Run the named workloads, or all of them."""
    parser = argparse.ArgumentParser(prog="bench.engine", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("--repeat", type=int, default=5, help="runs of each workload (5)")
    parser.add_argument("--sketch", action="store_true", help="a tiny model and small workloads")
    chosen = parser.parse_args(arguments)
    workloads = SKETCHES if chosen.sketch else WORKLOADS
    names = chosen.names or list(workloads)
    if unknown := set(names) - workloads.keys():
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    model = find_model("tiny" if chosen.sketch else "135m")
    results: list[Result] = []
    for name in names:
        print(f"{name} …", flush=True)
        results += measure(name, workloads[name], model, chosen.repeat)
    print_table(results)
    print(f"raw figures: {save(results, name='sketch' if chosen.sketch else 'engine')}")


def measure(name: str, workload: Workload, model: Path, repeat: int) -> list[Result]:
    """One result for each server and figure: the median of the runs, and all of them as samples."""
    samples: dict[tuple[str, str], list[float]] = {}
    for _ in range(repeat):
        for server, start in SERVERS.items():
            for figure, value in workload(start, model).items():
                samples.setdefault((server, figure), []).append(value)
    return [
        Result(
            name=f"{name}: {figure}, {server}",
            unit="",
            bounds={},
            figures={"median": round(statistics.median(values), 2)},
            samples=values,
        )
        for (server, figure), values in samples.items()
    ]


if __name__ == "__main__":
    main(sys.argv[1:])

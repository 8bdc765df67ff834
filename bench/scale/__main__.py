"""`python -m bench.scale`: prints the table and keeps the raw figures."""

from __future__ import annotations

import argparse
import sys

from bench.report import Result, print_table, save
from bench.scale.figures import describe_idle, describe_pool, describe_saturation
from bench.scale.run import growing_pool, idle, saturation

LOADS = ("pool", "turns", "idle")


def main(arguments: list[str]) -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--load", nargs="+", choices=LOADS, default=LOADS)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--streams", type=int, default=4, help="replies at once and worker")
    given = parser.parse_args(arguments)
    results: list[Result] = []
    if "pool" in given.load:
        points = []
        for count, spent in growing_pool(sorted(given.workers), given.streams):
            sys.stderr.write(f"{count} workers: {spent.cpu_per_1000:.3f} s for 1,000 tokens\n")
            points.append((count, spent))
        results += describe_pool(points, given.streams)
    if "turns" in given.load:
        results += describe_saturation(*saturation())
    if "idle" in given.load:
        results += describe_idle(idle())
    print_table(results)
    print(f"raw figures: {save(results, name='scale')}")


if __name__ == "__main__":
    main(sys.argv[1:])

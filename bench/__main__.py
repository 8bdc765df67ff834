"""Run benchmarks, print one table, keep the raw figures: `python -m bench [NAME …]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import cancels, memory, suspensions, turns
from bench.report import Result, print_table, save

BENCHMARKS = {
    "first-delta": turns.first_delta,
    "delta-latency": turns.delta_latency,
    "fan-out": turns.fan_out,
    "idle-sockets": memory.idle_sockets,
    "stalled-readers": memory.stalled_readers,
    "cancel": cancels.cancels,
    "suspension": suspensions.suspensions,
}


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    chosen = parser.parse_args(arguments).names or list(BENCHMARKS)
    if unknown := set(chosen) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results: list[Result] = []
    for name in chosen:
        print(f"{name} …", flush=True)
        results += asyncio.run(BENCHMARKS[name]())
    print_table(results)
    print(f"raw figures: {save(results)}")


if __name__ == "__main__":
    main(sys.argv[1:])

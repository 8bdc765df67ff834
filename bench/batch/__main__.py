"""Batch jobs: `python -m bench.batch [NAME …]`, each alone by its name; raw figures in `bench/results/`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from bench.batch.beside_chat import beside_chat
from bench.batch.costs import costs
from bench.batch.options import Options
from bench.batch.throughput import alone, shared_prefix
from bench.batch.under_fire import under_fire
from bench.batch.validation import validation
from bench.report import Result, print_table, save

BENCHMARKS: dict[str, Callable[[Options], list[Result]]] = {
    "chat": beside_chat,
    "throughput": alone,
    "prefix": shared_prefix,
    "kills": under_fire,
    "validation": validation,
    "costs": costs,
}


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="bench.batch", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--model", default="135m", help="of chat, throughput and prefix: 135m, tiny or demo")
    parser.add_argument("--lines", type=int, default=100_000, help="queued beside chat, run under kills")
    parser.add_argument("--measured", type=int, default=128, help="lines of throughput and prefix")
    parser.add_argument("--probes", type=int, default=100, help="replies that chat waits for")
    parser.add_argument("--megabytes", type=int, default=200, help="of the file that is validated")
    parser.add_argument("--kill-every", type=float, default=15.0, dest="kill_every_s", help="seconds")
    parser.add_argument("--rate", type=float, default=50.0, help="paced tokens a second, of kills")
    given = vars(parser.parse_args(arguments))
    names = given.pop("names")
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    options = Options(**given)
    results: list[Result] = []
    for name in names or BENCHMARKS:
        print(f"{name} …", flush=True)
        results += BENCHMARKS[name](options)
    print_table(results)
    print(f"raw figures: {save(results, name='batch-' + '-'.join(names or ['all']))}")


if __name__ == "__main__":
    main(sys.argv[1:])

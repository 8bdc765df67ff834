"""`python -m bench.soak`: exits with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from bench.report import print_table, save
from bench.soak.run import Plan, soak


def main(arguments: list[str]) -> int:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--generations", type=int, default=100, help="at any one time")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--every", type=float, default=20, help="seconds from fault to fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=10, help="tokens per second and reply")
    parser.add_argument("--sqlite", action="store_true", help="instead of a private PostgreSQL")
    parser.add_argument("--only", nargs="+", default=[], metavar="FAULT", help="such as 'worker SIGTERM'")
    given = parser.parse_args(arguments)
    plan = Plan(
        sockets=given.sockets,
        generations=given.generations,
        seconds=given.minutes * 60,
        every=given.every,
        seed=given.seed,
        rate=given.rate,
        sqlite=given.sqlite,
        only=given.only,
    )
    results, problems = soak(plan)
    print_table(results)
    print(f"plan: {json.dumps(asdict(plan))}\nraw figures: {save(results, name='soak', plan=asdict(plan))}")
    for problem in problems[:50]:
        print(f"VIOLATION {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

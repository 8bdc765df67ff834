"""`python -m tests.run`: every test on real parts. `--fast`: the quick that need none. `-- ARGS`: pytest.

The whole run goes through four rounds and the front end's own tests:

1. fast: SQLite, no services at all;
2. postgresql: what needs services, on PostgreSQL and Redis, and whatever touches the database a second time;
3. sqlite: what needs services, once more on SQLite;
4. stacks: whole stacks on PostgreSQL, and a real browser, one test after the other; meanwhile the soak, which
   waits more than it computes.

In the others tests run side by side, in processes that share nothing but the PostgreSQL server.
Where at most five tests of a round fail, they run once more, alone and on fresh stacks: what passes then is
named as unsteady at the end and does not fail the run (decision 015).

Coverage of all Python processes is combined and must reach what pyproject.toml asks for.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import browser, services
from tests.support.stack import ROOT

NEEDS_NOTHING = "not services and not stack and not browser"
QUICK = f"{NEEDS_NOTHING} and not slow"
ON_POSTGRES = "(services or database) and not stack and not browser"
STACKS = "(stack or browser) and not soak"
SOAK = "soak"
ON_SQLITE = "services and not stack and not browser"
MOST_PROCESSES = 4
SOME_TESTS_FAILED = 1
FEW = 5


@dataclass(frozen=True)
class Outcome:
    """One round: what it was, how it ended and how long it took."""

    name: str
    status: int
    seconds: float
    unsteady: Sequence[str] = ()

    def __str__(self) -> str:
        line = f"  {'passed' if self.status == 0 else 'FAILED'}  {self.name:<10} {self.seconds:6.1f} s"
        return "\n".join([line, *(f"          unsteady: {test}" for test in self.unsteady)])


def main() -> None:
    """Exits with 0 only when everything ran and passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="only what needs no services and is quick")
    parser.add_argument("--postgres", action="store_true", help="with `-- ARGS`: on PostgreSQL, not SQLite")
    parser.add_argument(
        "pytest", nargs="*", metavar="-- ARGS", help="run pytest with ARGS beside real services"
    )
    arguments = parser.parse_args()
    with contextlib.ExitStack() as resources:
        directory = resources.enter_context(services.temporary_directory("parley-test-"))
        os.environ["DATA_DIR"] = str(directory)
        if arguments.fast:
            sys.exit(run_pytest("fast", ["-m", QUICK, *side_by_side(make_homes(directory))]).status)
        if arguments.pytest:
            start_services(resources, postgres=arguments.postgres)
            sys.exit(run_pytest("selected", arguments.pytest).status)
        os.environ["COVERAGE_FILE"] = str(directory / "coverage")
        sys.exit(run_everything(resources, directory))


def run_everything(resources: contextlib.ExitStack, directory: Path) -> int:
    """All rounds, then coverage; goes on after a failure, so that one run shows them all."""
    missing = browser.ensure_chromium() or ("" if postgres_is_there() else services.WHERE_FROM)
    if missing:
        sys.stderr.write(f"parley: {missing}\n")
        return 1
    given_database = os.environ.pop("DATABASE_URL", "")
    os.environ.pop("REDIS_URL", None)  # tests empty theirs: each process has one of its own
    homes = make_homes(directory)
    outcomes = [run_twice("fast", NEEDS_NOTHING, side_by_side(homes))]
    for home in (directory, *homes):
        resources.enter_context(services.start_redis(home))
    outcomes.append(run_twice("sqlite", ON_SQLITE, side_by_side(homes)))
    os.environ["DATABASE_URL"] = given_database or resources.enter_context(services.start_postgres())
    outcomes.append(run_twice("postgresql", ON_POSTGRES, side_by_side(homes)))
    with beside(SOAK, pytest_command(["-m", SOAK]), home=homes[0]) as soak:
        outcomes.append(run_twice("stacks", STACKS))
        outcomes.append(run_round("front end", [sys.executable, "-m", "tools.frontend", "test", "--silent"]))
        outcomes.append(soak())
    outcomes.append(run_round("coverage", ["sh", "-c", f"{COVERAGE} combine -q && {COVERAGE} report"]))
    return summarise(outcomes)


COVERAGE = f"{sys.executable} -m coverage"


def postgres_is_there() -> bool:
    """Is there a PostgreSQL to run on?"""
    return bool(os.environ.get("DATABASE_URL")) or services.find_postgres() is not None


def start_services(resources: contextlib.ExitStack, *, postgres: bool = False) -> None:
    """Redis, and PostgreSQL where asked for, unless the environment names them."""
    if not os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = resources.enter_context(services.start_redis())
    if postgres and not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = resources.enter_context(services.start_postgres())


def make_homes(directory: Path) -> list[Path]:
    """A DATA_DIR for each process that runs tests."""
    homes = [directory / str(number) for number in range(max(2, min(MOST_PROCESSES, os.cpu_count() or 1)))]
    for home in homes:
        home.mkdir()
    return homes


def side_by_side(homes: Sequence[Path]) -> list[str]:
    """Options that spread the tests over processes, one for each DATA_DIR."""
    return ["--dist=worksteal", *(f"--tx=popen//env:DATA_DIR={home}" for home in homes)]


def run_pytest(name: str, arguments: Sequence[str], *, coverage: bool = False) -> Outcome:
    """One pytest process, with its own output."""
    return run_round(name, pytest_command(arguments, coverage=coverage))


def pytest_command(arguments: Sequence[str], *, coverage: bool = False) -> list[str]:
    """How pytest is called."""
    measured = ["-m", "coverage", "run"] if coverage else []
    return [sys.executable, *measured, "-m", "pytest", "--durations=5", *arguments]


def run_twice(name: str, marks: str, spread: Sequence[str] = ()) -> Outcome:
    """A round under coverage; a few failures get a second try in a process of their own."""
    cache = Path(os.environ["DATA_DIR"]) / f"cache-{name}"
    arguments = ["-m", marks, "-o", f"cache_dir={cache}"]
    first = run_pytest(name, [*arguments, *spread], coverage=True)
    failures = cache / "v/cache/lastfailed"
    if first.status != SOME_TESTS_FAILED or not failures.exists():
        return first
    failed = list(json.loads(failures.read_text()))
    if len(failed) > FEW:
        return first
    second = run_pytest(f"{name}, once more", [*arguments, "--last-failed"], coverage=True)
    unsteady = failed if second.status == 0 else ()
    return Outcome(name, second.status, first.seconds + second.seconds, unsteady)


def run_round(name: str, command: Sequence[str]) -> Outcome:
    """Run a command in the foreground and time it."""
    print(f"\n=== {name}", flush=True)
    start = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    return Outcome(name, status, time.monotonic() - start)


@contextlib.contextmanager
def beside(name: str, command: Sequence[str], *, home: Path) -> Iterator[Callable[[], Outcome]]:
    """Run a command while other rounds go on; what is yielded waits for its end and shows what it printed.
    Its seconds are those that it was waited for: the rest cost nobody anything.
    """
    output = home / f"{name}.log"
    environment = os.environ | {"DATA_DIR": str(home)}
    with output.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def wait() -> Outcome:
        start = time.monotonic()
        status = process.wait()
        print(f"\n=== {name}", output.read_text(), sep="\n", flush=True)
        return Outcome(name, status, time.monotonic() - start)

    try:
        yield wait
    finally:
        process.terminate()
        process.wait()


def summarise(outcomes: Sequence[Outcome]) -> int:
    """Print how each round ended; the last line says whether all passed."""
    print("\n=== summary", *outcomes, sep="\n")
    failed = [outcome.name for outcome in outcomes if outcome.status]
    print(f"make test FAILED: {', '.join(failed)}" if failed else "make test passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    main()

"""`make setup`: the virtual environment, the requirements and the front end. Idempotent."""

from __future__ import annotations

import argparse
import sys

from tools import frontend, venv
from tools.console import ROOT, run, stop

OLDEST_PYTHON = (3, 11)


def main() -> None:
    """Everything `make run` needs; with `--dev` also what checks and tests need."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:2])
        raise stop(f"Python 3.11 or newer is needed, this is {found}: try `make PYTHON3=python3.11 …`.")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true")
    dev = parser.parse_args().dev
    venv.require_compiler()
    venv.create()
    venv.install("requirements.txt")
    if dev:
        venv.install("requirements-dev.txt")
    frontend.build()
    if run([venv.PYTHON, "-m", "chatproject.translations"], cwd=ROOT):
        raise stop("the translations could not be compiled; see above.")


if __name__ == "__main__":
    main()

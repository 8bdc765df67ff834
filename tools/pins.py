"""`make pins`: requirements*.in to requirements*.txt. Versions stay unless `--upgrade` is given."""

from __future__ import annotations

import sys

from tools import venv
from tools.console import run, stop

OPTIONS = "--universal --python-version 3.11 --no-header --annotation-style line --quiet"


def main() -> None:
    """The runtime's list first: the development list is constrained by it."""
    for name in ("requirements", "requirements-dev", "requirements-conformance"):
        files = [f"{name}.in", "--output-file", f"{name}.txt"]
        if run([venv.bin_path() / "uv", "pip", "compile", *OPTIONS.split(), *sys.argv[1:], *files]):
            raise stop(f"{name}.in could not be resolved; see above.")


if __name__ == "__main__":
    main()

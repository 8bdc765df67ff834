"""`make check`: everything that can be said about the code without running it. Goes on after a failure."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tools import venv
from tools.console import ROOT, say, stop

BIN = venv.bin_path()
MANAGE = (str(venv.PYTHON), "manage.py")


@dataclass(frozen=True)
class Check:
    """A command whose exit status says whether the check passed."""

    name: str
    command: Sequence[str]

    def run(self) -> bool:
        """Run it; its output is shown only when it fails."""
        start = time.monotonic()
        done = subprocess.run(  # noqa: S603
            self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        passed = done.returncode == 0
        say(f"{'ok    ' if passed else 'FAILED'}  {self.name}  ({time.monotonic() - start:.1f} s)")
        if not passed:
            say(done.stdout)
        return passed


CHECKS = (
    Check("format", (f"{BIN}/ruff", "format", "--check", ".")),
    Check("lint", (f"{BIN}/ruff", "check", ".")),
    Check("types", (f"{BIN}/mypy",)),
    Check("import rules", (f"{BIN}/lint-imports",)),
    Check("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run")),
    Check("protocol types", (*MANAGE, "protocol_types", "--check")),
    Check("front end", (str(venv.PYTHON), "-m", "tools.frontend", "run", "check", "--silent")),
    Check("Dockerfile", (f"{BIN}/hadolint", "--failure-threshold", "info", "Dockerfile")),
    Check(
        "compose file",
        (f"{BIN}/check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
    ),
)


def main() -> None:
    """Exits with 1 and names what failed."""
    failed = [check.name for check in CHECKS if not check.run()]
    if failed:
        raise stop(f"make check failed: {', '.join(failed)}")
    say("make check passed")


if __name__ == "__main__":
    main()

"""Short words to the operator, and running commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def stop(line: str) -> SystemExit:
    """To be raised: ends the program with one line on standard error and status 1."""
    return SystemExit(f"parley: {line}")


def run(command: Sequence[str | Path], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> int:
    """Run a command in the foreground; returns its exit status."""
    full = {**os.environ, **(env or {})}
    return subprocess.run([str(part) for part in command], cwd=cwd, env=full, check=False).returncode  # noqa: S603


def output(command: Sequence[str | Path]) -> str:
    """What a command prints, or nothing when it fails or does not exist."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

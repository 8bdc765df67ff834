"""The virtual environment and what pip installs into it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tools import stamps
from tools.console import ROOT, run, say, stop

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
COMPILERS = ("c++", "g++", "clang++")


def create() -> None:
    """Make `.venv` unless it is there and works."""
    if PYTHON.exists():
        return
    say("Creating .venv")
    if run([sys.executable, "-m", "venv", VENV]):
        shutil.rmtree(VENV, ignore_errors=True)
        raise stop("`python3 -m venv` failed: install your system's venv package (Debian: python3-venv).")


def install(name: str) -> None:
    """Install the pinned requirements of file `name` unless just these are installed."""
    wanted = stamps.digest([ROOT / name], sys.version)
    stamp = VENV / f".{name}.stamp"
    if stamps.is_current(stamp, wanted):
        return
    hint = "" if _has_llama() else " (builds llama.cpp, about five minutes)"
    say(f"Installing {name}{hint}")
    pip_install("-r", str(ROOT / name))
    stamps.write(stamp, wanted)


def pip_install(*arguments: str) -> None:
    """`pip install`; its own errors stay visible."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    if run([PYTHON, "-m", "pip", "install", *quiet, *arguments]):
        raise stop(f"`pip install {' '.join(arguments)}` failed; pip's own words are above.")


def _has_llama() -> bool:
    return any(VENV.glob("lib/python3*/site-packages/llama_cpp_python-*.dist-info"))


def require_compiler() -> None:
    """llama-cpp-python is built from source: refuse at once, not minutes later, when that cannot work."""
    if _has_llama():
        return
    candidates = [os.environ["CXX"].split()[0]] if os.environ.get("CXX", "").strip() else COMPILERS
    if not any(shutil.which(name) for name in candidates):
        names = ", ".join(candidates)
        raise stop(f"no C++ compiler found ({names}): install one (Debian: apt-get install g++) or set CXX.")


def bin_path() -> Path:
    """Where the environment's programs are."""
    return VENV / "bin"

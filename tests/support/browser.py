"""Finding a Chromium to drive, and installing one where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_GET_IT = (
    "no Chromium found and none could be installed: install one "
    "(Debian: apt-get install chromium; elsewhere: .venv/bin/playwright install --with-deps chromium)."
)


def find_chromium() -> str | None:
    """The machine's Chromium, or the one Playwright downloaded."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    return _playwright_chromium()


def ensure_chromium() -> str:
    """Find or install Chromium; returns the one line that says how to get it when neither works."""
    if find_chromium():
        return ""
    print("Installing Chromium", flush=True)
    for install in (_install_by_apt, _install_by_playwright):
        if install() and find_chromium():
            return ""
    return HOW_TO_GET_IT


def _playwright_chromium() -> str | None:
    script = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as playwright: print(playwright.chromium.executable_path)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    path = done.stdout.strip()
    return path if path and os.access(path, os.X_OK) else None


def _install_by_apt() -> bool:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    return _succeeds(install) or (_succeeds(["apt-get", "update", "-qq"]) and _succeeds(install))


def _install_by_playwright() -> bool:
    return _succeeds([sys.executable, "-m", "playwright", "install", "chromium"])


def _succeeds(command: list[str]) -> bool:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, check=False).returncode == 0

"""Skipping what is already done: a stamp file holds the hash of the inputs it was done with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(files: Iterable[Path], *extra: str) -> str:
    """A hash over names and contents of `files`, and over `extra`."""
    total = hashlib.sha256()
    for text in extra:
        total.update(text.encode() + b"\0")
    for path in sorted(files):
        total.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Was it done with just these inputs?"""
    return stamp.exists() and stamp.read_text() == wanted


def write(stamp: Path, value: str) -> None:
    """Remember, after success only."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value)

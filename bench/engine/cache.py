"""Where a benchmark keeps what takes long to make: outside the tree, so that every checkout has it."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """`$XDG_CACHE_HOME/parley`, made if need be."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(home) / "parley"
    directory.mkdir(parents=True, exist_ok=True)
    return directory

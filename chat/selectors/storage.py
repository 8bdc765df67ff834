"""Whether there is room to write."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.db import connection

LEAST_FREE_BYTES = 1 << 20


def is_disk_full() -> bool:
    """Whether SQLite's disk is about to refuse to write. A server looks after its own disk."""
    if connection.vendor != "sqlite":
        return False
    directory = Path(connection.settings_dict["NAME"]).parent
    return directory.is_dir() and shutil.disk_usage(directory).free < LEAST_FREE_BYTES

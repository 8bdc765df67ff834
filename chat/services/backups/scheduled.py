"""Backups by the clock: made into a directory, of which the latest are kept."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from chat.services.backups.archive import Manifest
from chat.services.backups.writing import write_backup

PREFIX = "parley-"


def name_of(moment: datetime, *, encrypted: bool) -> str:
    """Names sort by time."""
    return f"{PREFIX}{moment:%Y%m%dT%H%M%SZ}.zip{'.age' if encrypted else ''}"


def backup_into(*, directory: Path, keep: int) -> tuple[Path, Manifest]:
    """Make one, then delete all but the `keep` latest that were made so. Raises `BackupError`."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    recipients = settings.BACKUP_RECIPIENTS
    path = directory / name_of(timezone.now(), encrypted=bool(recipients))
    manifest = write_backup(path=path, recipients=recipients)
    made = sorted([*directory.glob(f"{PREFIX}*.zip"), *directory.glob(f"{PREFIX}*.zip.age")])
    for old in made[:-keep]:
        old.unlink(missing_ok=True)
    return path, manifest

"""`manage.py restore FILE`: a backup into an empty database."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from chat.services.backups import BackupError, restore_backup
from chat.services.content_keys import has_plain_words


class Command(BaseCommand):
    """Nothing else may use the database meanwhile. What fails leaves no row behind."""

    help = "Restore a backup into an empty database, SQLite or PostgreSQL, of this or an earlier release."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: object, file: Path, **options: object) -> None:
        try:
            manifest = restore_backup(path=file, identity=settings.BACKUP_IDENTITY)
        except (BackupError, DatabaseError, OSError) as error:
            raise CommandError(f"Nothing was restored: {error}") from error
        rows = sum(table.rows for table in manifest.tables)
        made = f"{manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
        self.stdout.write(f"Restored {rows} rows and {len(manifest.files)} files as they were at {made}.")
        if has_plain_words():
            self.stdout.write(
                "It is from before CONTENT_KEYS: run `manage.py content rotate_keys` to seal it."
            )

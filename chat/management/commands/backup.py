"""`manage.py backup`: everything the database owns and the uploaded files, while everything runs."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from chat.services.backups import BackupError, backup_into, write_backup
from chat.services.chores import finish_chore
from chatproject.local.processes import step_back


class Command(BaseCommand):
    """`backup FILE`, or `backup` alone into BACKUP_DIR, where the latest are kept."""

    help = "Back up the database and the uploaded files, encrypted if BACKUP_RECIPIENTS is set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="default: a new one in BACKUP_DIR")
        parser.add_argument("--scheduled", action="store_true", help="as workers start it")

    def handle(self, *args: object, file: Path | None, scheduled: bool, **options: object) -> None:
        if scheduled:
            step_back()
        try:
            if file is None:
                path, manifest = backup_into(directory=settings.BACKUP_DIR, keep=settings.BACKUP_KEEP)
            else:
                path, manifest = file, write_backup(path=file, recipients=settings.BACKUP_RECIPIENTS)
        except (BackupError, DatabaseError, OSError) as error:
            raise CommandError(f"No backup was made: {error}") from error
        rows = sum(table.rows for table in manifest.tables)
        said = f"{rows} rows and {len(manifest.files)} files are in {path}."
        if scheduled:
            finish_chore(name="backup", detail=said)
        self.stdout.write(said)
        if manifest.missing_files:
            self.stderr.write(f"{len(manifest.missing_files)} files have a row and are not there.")

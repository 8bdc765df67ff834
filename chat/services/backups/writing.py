"""Making a backup while everything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model
from django.utils import timezone

from chat.models import Deletion, StoredFile
from chat.services.backups.archive import (
    FORMAT,
    MANIFEST,
    PIECE,
    BackupError,
    Manifest,
    StoredBytes,
    Sum,
    Table,
    columns_of,
    tables_of,
)
from chat.services.backups.sealing import writing
from chat.services.backups.snapshot import snapshot

ROWS = 500
PASSING = (Deletion, Deletion.people.through)
"""What somebody deleted a moment ago is in no backup."""

_encode = msgspec.json.Encoder().encode


def write_backup(*, path: Path, recipients: Sequence[str] = ()) -> Manifest:
    """Write all rows as they are at one moment, and the files they speak of. Raises `BackupError`."""
    if settings.CONTENT_KEYS and not recipients:
        raise BackupError("It would hold in the clear what CONTENT_KEYS seals: set BACKUP_RECIPIENTS.")
    with (
        writing(path, recipients) as stream,
        ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        manifest = _fill(archive)
        archive.writestr(MANIFEST, _encode(manifest))
    return manifest


def _fill(archive: ZipFile) -> Manifest:
    with snapshot():
        made_at = timezone.now()
        migrations = _migrations()
        tables = [_write_table(archive, model) for model in tables_of(apps)]
        names = list(StoredFile.objects.order_by("content").values_list("content", flat=True))
    found = {name: _write_file(archive, name) for name in names}
    return Manifest(
        format=FORMAT,
        made_at=made_at,
        migrations=migrations,
        tables=tables,
        files=[file for file in found.values() if file is not None],
        missing_files=[name for name, file in found.items() if file is None],
    )


def _migrations() -> list[tuple[str, str]]:
    loader = MigrationLoader(connection)
    leaves: list[tuple[str, str]] = loader.graph.leaf_nodes()
    if not set(leaves) <= set(loader.applied_migrations):
        raise BackupError("The database is not at this release: run `manage.py migrate` first.")
    return leaves


def _write_table(archive: ZipFile, model: type[Model]) -> Table:
    columns = [field.attname for field in columns_of(model)]
    rows = model._base_manager.order_by().values_list(*columns)
    if model in PASSING:
        rows = rows.none()
    count = 0
    with archive.open(f"data/{model._meta.label_lower}.jsonl", "w", force_zip64=True) as member:
        out = Sum(member)
        for row in rows.iterator(chunk_size=ROWS):
            out.write(_encode(row) + b"\n")
            count += 1
    return Table(name=model._meta.label_lower, columns=columns, rows=count, sha256=out.sha256)


def _write_file(archive: ZipFile, name: str) -> StoredBytes | None:
    """None for one that was deleted since the snapshot."""
    try:
        source = (Path(settings.MEDIA_ROOT) / name).open("rb")
    except FileNotFoundError:
        return None
    with source, archive.open(f"files/{name}", "w", force_zip64=True) as member:
        out = Sum(member)
        while data := source.read(PIECE):
            out.write(data)
    return StoredBytes(name=name, size=out.size, sha256=out.sha256)

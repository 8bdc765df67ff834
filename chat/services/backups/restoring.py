"""Putting a backup into an empty database, of either kind and at the backup's own release or a later one."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model

from chat.models import User
from chat.services.backups.archive import (
    BackupError,
    Manifest,
    StoredBytes,
    Sum,
    Table,
    columns_of,
    opened,
    read_manifest,
    tables_of,
)
from chat.services.backups.sealing import reading

ROWS = 500
Reader = tuple[str, Callable[[Any], Any]]
"""A column, and what makes its value from JSON."""

_decode = msgspec.json.Decoder(list[Any]).decode


def restore_backup(*, path: Path, identity: str = "") -> Manifest:
    """Check every byte, then put it all back in one transaction, then migrate to this release.

    Raises `BackupError` where the backup is damaged, or somebody already lives in the database.
    """
    with reading(path, identity) as stream, opened(stream) as archive:
        manifest = read_manifest(archive)
        _check(archive, manifest)
        tables = _migrate(manifest)
        for file in manifest.files:
            _put_file(archive, file)
        with transaction.atomic():
            _put_rows(archive, manifest, tables)
    call_command("migrate", verbosity=0, interactive=False)
    return manifest


def _check(archive: ZipFile, manifest: Manifest) -> None:
    members: list[tuple[str, Table | StoredBytes]] = [
        *((f"data/{table.name}.jsonl", table) for table in manifest.tables),
        *((f"files/{file.name}", file) for file in manifest.files),
    ]
    for name, told in members:
        try:
            member = archive.open(name)
        except KeyError as error:
            raise BackupError(f"This backup is damaged: {name} is missing.") from error
        with member:
            found = Sum(member)
            for _ in found.pieces():
                pass
        if found.sha256 != told.sha256:
            raise BackupError(f"This backup is damaged: the checksum of {name} is another.")


def _migrate(manifest: Manifest) -> dict[str, type[Model]]:
    """Bring a new database to where the backup stood; its tables' models as they were then, by name."""
    executor = MigrationExecutor(connection)
    squashes = {squash.replaces[-1]: key for key, squash in executor.loader.replacements.items()}
    migrations = [squashes.get(migration, migration) for migration in manifest.migrations]
    known = executor.loader.graph.nodes
    unknown = [f"{app}.{name}" for app, name in migrations if (app, name) not in known]
    if unknown:
        raise BackupError(f"This backup was made by another release, which knows {', '.join(unknown)}.")
    if executor.loader.applied_migrations:
        behind = set(executor.loader.graph.leaf_nodes()) != set(migrations)
        if behind or not set(migrations) <= set(executor.loader.applied_migrations):
            raise BackupError("The database is not at the backup's release: give an empty one.")
        if User.objects.exists():
            raise BackupError("There are accounts in this database: give an empty one.")
    else:
        executor.migrate(migrations)
    apps = executor.loader.project_state(migrations).apps
    return {model._meta.label_lower: model for model in tables_of(apps)}


def _put_rows(archive: ZipFile, manifest: Manifest, models: dict[str, type[Model]]) -> None:
    """Foreign keys are looked at when the transaction commits, so that the order does not matter."""
    if unknown := {table.name for table in manifest.tables} - models.keys():
        raise BackupError(f"This backup has tables that are unknown here: {', '.join(sorted(unknown))}.")
    for model in models.values():
        rows = model._base_manager.all()
        if rows.exists():  # what migrations write, such as permissions
            rows._raw_delete(connection.alias)
    for table in manifest.tables:
        _put_table(archive, table, models[table.name])
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(models.values())):
            cursor.execute(statement)


def _put_table(archive: ZipFile, table: Table, model: type[Model]) -> None:
    fields = {field.attname: field for field in columns_of(model)}
    for field in fields.values():  # of a class of its own, made for this state of the schema
        field.auto_now = field.auto_now_add = False  # type: ignore[attr-defined]
    readers: list[Reader] = [(name, fields[name].to_python) for name in table.columns]
    with archive.open(f"data/{table.name}.jsonl") as member:
        rows = (_read(model, readers, line) for line in member)
        while batch := list(islice(rows, ROWS)):
            model._base_manager.bulk_create(batch)


def _read(model: type[Model], readers: list[Reader], line: bytes) -> Model:
    values = _decode(line)
    return model(**{name: read(value) for (name, read), value in zip(readers, values, strict=True)})


def _put_file(archive: ZipFile, file: StoredBytes) -> None:
    root = Path(settings.MEDIA_ROOT).resolve()
    path = (root / file.name).resolve()
    if not path.is_relative_to(root):
        raise BackupError(f"This backup has a file outside of its place: {file.name}.")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with archive.open(f"files/{file.name}") as member, os.fdopen(descriptor, "wb") as out:
        out.writelines(Sum(member).pieces())

"""The format of a backup file, and what may go wrong with one."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO
from zipfile import BadZipFile, ZipFile

import msgspec
from django.apps.registry import Apps
from django.db.models import Field, Model

FORMAT = 1
MANIFEST = "manifest.json"
PIECE = 1 << 20


class BackupError(Exception):
    """What the operator sees: one sentence."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table's rows, in `data/NAME.jsonl`; `columns` are the attributes that a row lists."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


class StoredBytes(msgspec.Struct, frozen=True, kw_only=True):
    """A file, in `files/NAME`."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup. `missing_files` had a row and were deleted before they were read."""

    format: int
    made_at: datetime
    migrations: list[tuple[str, str]]
    tables: list[Table]
    files: list[StoredBytes]
    missing_files: list[str]


class Sum:
    """A file that is written or read on, and the checksum of what went through."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.size = 0
        self._stream = stream
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Pass on and count."""
        self._stream.write(data)
        self._count(data)

    def pieces(self) -> Iterator[bytes]:
        """Everything there is, in pieces."""
        while data := self._stream.read(PIECE):
            self._count(data)
            yield data

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Of everything so far."""
        return self._hash.hexdigest()


def tables_of(apps: Apps) -> list[type[Model]]:
    """Every table that Django looks after, those between two models too."""
    models = apps.get_models(include_auto_created=True)
    return [model for model in models if model._meta.managed and not model._meta.proxy]


def columns_of(model: type[Model]) -> list[Field[object, object]]:
    """What a row of the table lists, in this order."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]


def read_manifest(archive: ZipFile) -> Manifest:
    """Raises `BackupError` for what is no backup, or one of another format."""
    try:
        manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except (KeyError, msgspec.DecodeError) as error:
        raise BackupError("This is no backup of Parley's: it has no manifest.") from error
    if manifest.format != FORMAT:
        raise BackupError(f"This backup has format {manifest.format}: only {FORMAT} can be read here.")
    return manifest


@contextmanager
def opened(stream: IO[bytes]) -> Iterator[ZipFile]:
    """The archive in a stream. Raises `BackupError` where it is damaged."""
    try:
        with ZipFile(stream) as archive:
            yield archive
    except (BadZipFile, EOFError, zlib.error) as error:
        raise BackupError(f"This backup is damaged: {error}.") from error

"""The file around a backup: plain, or encrypted with age (https://age-encryption.org) for some recipients.

Only their public keys are needed to make one, so that whoever takes a server cannot read its backups.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pyrage
from django.conf import settings

from chat.services.backups.archive import BackupError

MAGIC = b"age-encryption.org/"


@contextmanager
def writing(path: Path, recipients: Sequence[str]) -> Iterator[IO[bytes]]:
    """A stream into a file that nobody else may read, and that has its name only when it is whole."""
    keys = [_recipient(each) for each in recipients]
    partial = path.with_name(f"{path.name}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if keys:
                with _encrypting(file, keys) as stream:
                    yield stream
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _encrypting(file: IO[bytes], keys: Sequence[pyrage.x25519.Recipient]) -> Iterator[IO[bytes]]:
    """A pipe, and a thread that encrypts what comes out of it: age pulls, and a ZIP is pushed."""
    source, sink = os.pipe()
    failures: list[Exception] = []

    def encrypt() -> None:
        with os.fdopen(source, "rb") as reader:
            try:
                pyrage.encrypt_io(reader, file, keys)
            except Exception as error:  # noqa: BLE001  told on the thread that waits for it
                failures.append(error)

    thread = threading.Thread(target=encrypt, name="encrypt backup", daemon=True)
    thread.start()
    try:
        with os.fdopen(sink, "wb") as stream:
            yield stream
    finally:
        thread.join()
    if failures:
        raise BackupError(f"The backup could not be encrypted: {failures[0]}.")


@contextmanager
def reading(path: Path, identity: str) -> Iterator[IO[bytes]]:
    """The plain archive. What is encrypted is decrypted into a nameless file in DATA_DIR."""
    with path.open("rb") as file:
        encrypted = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        if not encrypted:
            yield file
            return
        with TemporaryFile(dir=settings.DATA_DIR) as plain:
            try:
                pyrage.decrypt_io(file, plain, [_identity(identity)])
            except pyrage.DecryptError as error:
                raise BackupError(f"BACKUP_IDENTITY does not open this backup: {error}.") from error
            plain.seek(0)
            yield plain


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BackupError(f"BACKUP_RECIPIENTS has {text[:12]!r}, which is no age public key.") from error


def _identity(text: str) -> pyrage.x25519.Identity:
    if not text:
        raise BackupError("This backup is encrypted: set BACKUP_IDENTITY to its AGE-SECRET-KEY-…")
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError as error:
        raise BackupError("BACKUP_IDENTITY is no age secret key.") from error

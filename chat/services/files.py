"""Keeping and deleting files."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils import timezone

from chat.models import BatchJob, BatchStatus, Deletion, FilePurpose, StoredFile, User
from chat.services.errors import Conflict, InvalidRequest, NotFound, TooLarge
from chat.services.holds import require_file_not_held
from chat.services.text import UNSTORABLE

MAX_NAME_CHARS = 255
SHORTEST_LIFE_S, LONGEST_LIFE_S = 3600, 30 * 86_400
DEFAULT_LIFE = timedelta(days=30)
"""Of files for and from batch jobs; others stay."""

FORGOTTEN_S = 86_400
"""A file without a row is left alone so long: its row may be about to be written."""


def store_file(
    *, user: User, purpose: str, file: File[Any], filename: str, expires_after_s: int | None = None
) -> StoredFile:
    """Keep an uploaded file; one that Django wrote to disk is only renamed. Raises a `ServiceError`."""
    if purpose not in FilePurpose.values or purpose == FilePurpose.BATCH_OUTPUT:
        known = ", ".join(sorted(set(FilePurpose.values) - {FilePurpose.BATCH_OUTPUT}))
        raise InvalidRequest("'purpose' must be one of %(known)s.", field="purpose", values={"known": known})
    _check_size(user, file.size)
    has_end = expires_after_s is not None or purpose == FilePurpose.BATCH
    expires_at = timezone.now() + read_lifetime(expires_after_s) if has_end else None
    return keep_file(user=user, purpose=purpose, file=file, filename=filename, expires_at=expires_at)


def keep_file(
    *, user: User, purpose: str, file: File[Any], filename: str, expires_at: datetime | None = None
) -> StoredFile:
    """The same without its checks, for what the server itself writes."""
    row = StoredFile(
        id=uuid.uuid4(),
        user=user,
        purpose=purpose,
        filename=UNSTORABLE.sub("", filename)[-MAX_NAME_CHARS:] or "file",
        size_bytes=file.size,
        expires_at=expires_at,
    )
    row.content.save(row.id.hex, file, save=False)
    row.save(force_insert=True)
    return row


def delete_file(*, user: User, file_id: UUID) -> None:
    """Delete a file of the user's.

    Raises `NotFound`, or `Conflict` while a job is reading it or a legal hold keeps it.
    """
    row = StoredFile.objects.filter(id=file_id, user=user).first()
    if row is None:
        raise NotFound("No such File object: %(id)s", field="id", values={"id": f"file-{file_id.hex}"})
    if BatchJob.objects.filter(input_file=row, status=BatchStatus.VALIDATING).exists():
        raise Conflict("A batch is validating this file: cancel the batch first.", field="id")
    require_file_not_held(row)
    forget_file(row)


def forget_file(row: StoredFile) -> None:
    """Delete a row, and its file once that is committed."""
    name = str(row.content.name)
    with transaction.atomic():
        row.delete()
        transaction.on_commit(lambda: row.content.storage.delete(name))


def purge_files() -> int:
    """Delete what has expired, and what no row knows any more; returns how many files."""
    expired = list(StoredFile.objects.filter(expires_at__lt=Now())[:1000])
    for row in expired:
        forget_file(row)
    return len(expired) + _sweep(Path(settings.MEDIA_ROOT)) + _sweep(Path(settings.FILE_UPLOAD_TEMP_DIR))


def _sweep(directory: Path) -> int:
    before = time.time() - FORGOTTEN_S
    old = {
        path.name: path for path in directory.iterdir() if path.is_file() and path.stat().st_mtime < before
    }
    # Twice what was set aside: meanwhile it may be taken back, or something else be deleted.
    known = _set_aside()
    known.update(StoredFile.objects.filter(content__in=old).values_list("content", flat=True))
    forgotten = old.keys() - known - _set_aside()
    for name in forgotten:
        old[name].unlink(missing_ok=True)
    return len(forgotten)


def _set_aside() -> set[str]:
    """The files of deletions that may still be taken back."""
    return {name for names in Deletion.objects.values_list("files", flat=True) for name in names}


def _check_size(user: User, size: int) -> None:
    if size > settings.MAX_FILE_BYTES:
        raise TooLarge(
            "The file has more than %(limit)s bytes.", field="file", values={"limit": settings.MAX_FILE_BYTES}
        )
    stored = StoredFile.objects.filter(user=user).aggregate(bytes=Sum("size_bytes"))["bytes"] or 0
    if stored + size > settings.MAX_STORED_BYTES_PER_USER:
        limit = settings.MAX_STORED_BYTES_PER_USER
        raise TooLarge(
            "All your files have at most %(limit)s bytes: delete some first.",
            field="file",
            values={"limit": limit},
        )


def read_lifetime(seconds: int | None, *, field: str = "expires_after.seconds") -> timedelta:
    """How long a file for or from a batch is kept. Raises `InvalidRequest`."""
    if seconds is None:
        return DEFAULT_LIFE
    if not SHORTEST_LIFE_S <= seconds <= LONGEST_LIFE_S:
        raise InvalidRequest(
            "'%(field)s' must be from %(least)s to %(most)s.",
            field=field,
            values={"field": field, "least": SHORTEST_LIFE_S, "most": LONGEST_LIFE_S},
        )
    return timedelta(seconds=seconds)

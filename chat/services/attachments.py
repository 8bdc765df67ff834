"""Files that people bring into a session, and the messages they send them with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction

from chat.models import Attachment, ChatMessage, FilePurpose, StoredFile, User
from chat.services.access import require_writer
from chat.services.errors import InvalidRequest, NotFound, TooLarge
from chat.services.extraction import extract_text
from chat.services.files import forget_file, store_file
from chat.services.moderation.inspecting import screen_input

MOST_PER_MESSAGE = 10
UNSENT_SECONDS = 86_400
"""How long a file is kept that no message was sent with."""


def upload_attachment(*, user: User, session_id: UUID, file: File[Any], filename: str) -> Attachment:
    """Keep a file and its text for a message to come. Raises a `ServiceError`."""
    require_writer(user=user, session_id=session_id)
    if file.size > settings.MAX_UPLOAD_BYTES:
        raise TooLarge(
            "The file has more than %(limit)s bytes.",
            field="file",
            values={"limit": settings.MAX_UPLOAD_BYTES},
        )
    found = extract_text(filename=filename, content=file.read())
    text = screen_input(user=user, text=found.text, field="file").text
    file.seek(0)
    with transaction.atomic():
        stored = store_file(
            user=user,
            purpose=FilePurpose.USER_DATA,
            file=file,
            filename=filename,
            expires_after_s=UNSENT_SECONDS,
        )
        return Attachment.objects.create(
            session_id=session_id,
            file=stored,
            kind=found.kind,
            text=text,
            is_truncated=found.is_truncated,
        )


def delete_attachment(*, user: User, attachment_id: UUID) -> None:
    """Take back one's own file that was not sent yet. Raises `NotFound`."""
    row = (
        Attachment.objects.select_related("file")
        .filter(id=attachment_id, file__user=user, message=None)
        .first()
    )
    if row is None:
        raise NotFound("There is no such file that was not sent yet.")
    forget_file(row.file)


def find_unsent(*, user: User, session_id: UUID, ids: Collection[UUID]) -> list[Attachment]:
    """The user's files that no message has yet, locked, in the order asked for. Raises `NotFound`."""
    if len(ids) > MOST_PER_MESSAGE:
        raise InvalidRequest(
            "A message has at most %(most)s attachments.",
            field="attachments",
            values={"most": MOST_PER_MESSAGE},
        )
    if not ids:
        return []
    mine = Attachment.objects.filter(session_id=session_id, file__user=user, message=None)
    rows = {
        row.id: row for row in mine.filter(id__in=ids).select_related("file").select_for_update(of=("self",))
    }
    if len(rows) != len(ids):
        raise NotFound("There is no such file of yours that was not sent yet.", field="attachments")
    return [rows[id_] for id_ in ids]


def describe_attachments(rows: Iterable[Attachment]) -> list[dict[str, Any]]:
    """What a message says of its files."""
    return [
        {"id": str(row.id), "name": row.file.filename, "kind": row.kind, "size_bytes": row.file.size_bytes}
        for row in rows
    ]


def send_attachments(*, message: ChatMessage, rows: Collection[Attachment]) -> None:
    """Tie files to a message: they stay as long as it does."""
    if rows:
        Attachment.objects.filter(id__in=[row.id for row in rows]).update(message=message)
        StoredFile.objects.filter(attachment__in=[row.id for row in rows]).update(expires_at=None)


def forget_attachments(*, keep_bytes: bool = False, **which: Any) -> None:
    """Delete files with their rows, or only the rows, by a filter of attachments, within a transaction."""
    files = StoredFile.objects.filter(**{f"attachment__{name}": value for name, value in which.items()})
    if keep_bytes:
        files.delete()
    for file in files:
        forget_file(file)

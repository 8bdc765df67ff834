"""Files that a message brings along."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import FileResponse, HttpRequest
from ninja import File, Router, Schema, Status, UploadedFile

from chat.api.auth import LOGGED_IN, user_of
from chat.api.document import documented
from chat.api.v1.schemas import Done, Time
from chat.models import Attachment
from chat.selectors.attachments import find_attachment
from chat.services.attachments import delete_attachment, upload_attachment
from chat.services.errors import NotFound

router = Router(tags=["attachments"], auth=LOGGED_IN)


class AttachmentOut(Schema):
    """A file. Send its `id` among a message's `attachments` within a day; the model then reads its text."""

    id: UUID
    session_id: UUID
    message_id: UUID | None
    name: str
    kind: Literal["text", "markdown", "code", "pdf"]
    size_bytes: int
    characters: int
    is_truncated: bool
    created_at: Time


@router.post("sessions/{uuid:session_id}/upload", response={201: AttachmentOut}, summary="Upload a file")
def post_upload(request: HttpRequest, session_id: UUID, file: File[UploadedFile]) -> Any:
    """A multipart form with `file`: text, Markdown, source code or a PDF, whose text is read at once."""
    row = upload_attachment(
        user=user_of(request), session_id=session_id, file=file, filename=file.name or "file"
    )
    return Status(201, _fields(row))


@router.get("attachments/{uuid:attachment_id}", response=AttachmentOut, summary="A file")
def get_attachment(request: HttpRequest, attachment_id: UUID) -> Any:
    """For everybody in its session; before it is sent, for whoever uploaded it."""
    return _fields(_find(request, attachment_id))


@router.get(
    "attachments/{uuid:attachment_id}/content",
    summary="A file's content",
    openapi_extra=documented("application/octet-stream"),
)
def get_attachment_content(request: HttpRequest, attachment_id: UUID) -> Any:
    """Its bytes, as a download."""
    row = _find(request, attachment_id)
    return FileResponse(
        row.file.content.open("rb"),
        as_attachment=True,
        filename=row.file.filename,
        content_type="application/octet-stream",
    )


@router.delete("attachments/{uuid:attachment_id}", response=Done, summary="Take a file back")
def remove_attachment(request: HttpRequest, attachment_id: UUID) -> Any:
    """One's own, before it is sent; after that it goes with its message."""
    delete_attachment(user=user_of(request), attachment_id=attachment_id)
    return Done(message="The file has been deleted.")


def _find(request: HttpRequest, attachment_id: UUID) -> Attachment:
    row = find_attachment(user=user_of(request), attachment_id=attachment_id)
    if row is None:
        raise NotFound("There is no such file.")
    return row


def _fields(row: Attachment) -> dict[str, Any]:
    return {
        "id": row.id,
        "session_id": row.session_id,
        "message_id": row.message_id,
        "name": row.file.filename,
        "kind": row.kind,
        "size_bytes": row.file.size_bytes,
        "characters": len(row.text),
        "is_truncated": row.is_truncated,
        "created_at": row.created_at,
    }

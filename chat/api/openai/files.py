"""`files`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import File as FileIn
from ninja import Form, Query, Router, UploadedFile

from chat.api.auth import ASYNC_LOGGED_IN, LOGGED_IN, user_of
from chat.api.document import documented
from chat.api.openai.documents import REFUSALS, DeletedOut, FileOut, FilesOut, answers
from chat.api.openai.errors import Refusal
from chat.api.openai.ids import FILE, parse_id
from chat.models import StoredFile
from chat.realtime.database import in_database
from chat.selectors.files import find_file, list_files, read_content
from chat.services.errors import NotFound
from chat.services.files import delete_file, store_file

router = Router(tags=["files"], auth=LOGGED_IN)

MOST = 10_000
BYTES = "application/octet-stream"
Purpose = Annotated[str, Form(examples=["user_data"])]
ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"


@router.post("files", summary="Upload a file", response=answers(FileOut))
def post_file(request: HttpRequest, file: FileIn[UploadedFile], purpose: Purpose) -> Any:
    """A multipart form, streamed to disk. Files for batches expire after 30 days unless told otherwise."""
    row = store_file(
        user=user_of(request),
        purpose=purpose,
        file=file,
        filename=file.name or "",
        expires_after_s=_expiry(request),
    )
    return describe(row)


@router.get("files", summary="Files", response=answers(FilesOut))
def get_files(
    request: HttpRequest,
    purpose: str = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Any:
    """Newest first; `after` is the last id of the page before."""
    page = list_files(
        user=user_of(request),
        purpose=purpose,
        limit=limit,
        after=parse_id(FILE, after) if after else None,
        newest_first=order == "desc",
    )
    return listing([describe(row) for row in page.rows], has_more=page.has_more)


@router.get("files/{file_id}", summary="A file", response=answers(FileOut))
def get_file(request: HttpRequest, file_id: str) -> Any:
    """What is known about it."""
    return describe(_find(request, file_id))


@router.get(
    "files/{file_id}/content",
    auth=ASYNC_LOGGED_IN,
    summary="A file's content",
    response=REFUSALS,
    openapi_extra=documented(BYTES),
)
async def get_content(request: HttpRequest, file_id: str) -> Any:
    """Its bytes, streamed from disk."""
    row = await in_database(_find)(request, file_id)
    headers = {
        "Content-Length": str(row.size_bytes),
        "Content-Disposition": f'attachment; filename="{FILE}{row.id.hex}"',
    }
    return StreamingHttpResponse(read_content(row), content_type=BYTES, headers=headers)


@router.delete("files/{file_id}", summary="Delete a file", response=answers(DeletedOut))
def remove_file(request: HttpRequest, file_id: str) -> Any:
    """For good."""
    delete_file(user=user_of(request), file_id=parse_id(FILE, file_id))
    return {"id": file_id, "object": "file", "deleted": True}


def describe(row: StoredFile) -> dict[str, Any]:
    """OpenAI's file object."""
    return {
        "id": f"{FILE}{row.id.hex}",
        "object": "file",
        "bytes": row.size_bytes,
        "created_at": int(row.created_at.timestamp()),
        "expires_at": int(row.expires_at.timestamp()) if row.expires_at else None,
        "filename": row.filename,
        "purpose": row.purpose,
        "status": "processed",
        "status_details": None,
    }


def listing(data: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """OpenAI's list object."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _find(request: HttpRequest, file_id: str) -> StoredFile:
    row = find_file(user=user_of(request), file_id=parse_id(FILE, file_id))
    if row is None:
        raise NotFound("No such File object: %(id)s", field="id", values={"id": file_id[:100]})
    return row


def _expiry(request: HttpRequest) -> int | None:
    if SECONDS not in request.POST and ANCHOR not in request.POST:
        return None
    if request.POST.get(ANCHOR, "created_at") != "created_at":
        raise Refusal("'expires_after.anchor' must be created_at.", param="expires_after.anchor")
    seconds = request.POST.get(SECONDS, "")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        raise Refusal("'expires_after.seconds' must be a whole number.", param="expires_after.seconds")
    return int(seconds)

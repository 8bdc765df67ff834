"""What people upload on the page: a file of requests becomes a job, a table waits to be mapped."""

from __future__ import annotations

import msgspec

from chat.models import BatchJob, StoredFile, User
from chat.services.batches.submitting import create_batch
from chat.services.batches.validating import MAX_LINE_BYTES
from chat.services.errors import ServiceError
from chat.services.files import delete_file

TABLES = (".csv", ".tsv")


def is_table(file: StoredFile) -> bool:
    """Whether the file's name says that it is a table."""
    return file.filename.lower().endswith(TABLES)


def submit_file(
    *, user: User, file: StoredFile, webhook_url: str = "", notify_email: bool = False
) -> BatchJob:
    """A job for a file of requests, to the endpoint that its first line names. Raises a `ServiceError`, and
    then does not keep the file.
    """
    try:
        return create_batch(
            user=user,
            input_file_id=file.id,
            endpoint=_endpoint_of(file) or "/v1/chat/completions",
            webhook_url=webhook_url,
            notify_email=notify_email,
        )
    except ServiceError:
        delete_file(user=user, file_id=file.id)
        raise


def _endpoint_of(file: StoredFile) -> str:
    """The first line's url; what is wrong with the line the validation tells better."""
    with file.content.open("rb") as lines:
        first = lines.readline(MAX_LINE_BYTES).removeprefix(b"\xef\xbb\xbf")
    try:
        line = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    url = line.get("url") if isinstance(line, dict) else ""
    return url if isinstance(url, str) else ""

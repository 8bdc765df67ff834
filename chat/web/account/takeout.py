"""All of a person's data as a zip, made piece by piece while it is sent."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar
from zipfile import ZIP_DEFLATED, ZipFile

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from chat.models import ChatSession, StoredFile, User
from chat.realtime.database import in_database
from chat.selectors.accounts import describe_account
from chat.selectors.export import export_json

PIECE = 1 << 20
Row = TypeVar("Row", ChatSession, StoredFile)


class _Pipe(io.RawIOBase):
    """What a zip that cannot seek writes into; `take` empties it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last call."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken


async def takeout(user: User) -> AsyncIterator[bytes]:
    """`account.json`, each conversation in the schema that import reads, and the files with their content."""
    pieces = _pieces(user)
    while (piece := await in_database(_next)(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


def _pieces(user: User) -> Iterator[bytes]:
    pipe = _Pipe()
    with ZipFile(pipe, "w", ZIP_DEFLATED) as archive:
        archive.writestr("account.json", json.dumps(describe_account(user), cls=DjangoJSONEncoder, indent=2))
        yield pipe.take()
        for session in _each(ChatSession.objects.filter(owner=user, temporary_until=None)):
            archive.writestr(f"conversations/{session.id}.json", export_json(session))
            yield pipe.take()
        for file in _each(StoredFile.objects.filter(user=user)):
            yield from _file(archive, pipe, file)
    yield pipe.take()


def _each(rows: QuerySet[Row]) -> Iterator[Row]:
    """Row by row: a cursor would be lost with the connection, which is another one for each piece."""
    for key in list(rows.order_by("created_at").values_list("pk", flat=True)):
        yield from rows.filter(pk=key)  # none if it was deleted meanwhile


def _file(archive: ZipFile, pipe: _Pipe, file: StoredFile) -> Iterator[bytes]:
    name = file.filename.replace("/", "_").replace("\\", "_")
    try:
        content = file.content.open("rb")
    except FileNotFoundError:  # deleted meanwhile
        return
    with content, archive.open(f"files/{file.id}-{name}", "w", force_zip64=True) as entry:
        for piece in content.chunks(PIECE):
            entry.write(piece)
            yield pipe.take()

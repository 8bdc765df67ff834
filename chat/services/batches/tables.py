"""Batch jobs of spreadsheets: one line for each row of a CSV file, its prompt made by a template."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import IO, TYPE_CHECKING, Any

import msgspec
from django.core.files.uploadedfile import TemporaryUploadedFile

from chat.models import StoredFile, User
from chat.services.errors import InvalidRequest
from chat.services.files import store_file

if TYPE_CHECKING:
    from _csv import Reader

CHAT = "/v1/chat/completions"
COLUMN = re.compile(r"\{([^{}]+)\}")
SAMPLE_ROWS = 3
MAX_CELL_CHARS = 1_000_000
PIECE_BYTES = 1 << 20
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """How a row becomes a request: `{column}` in the template stands for the row's cell.

    `id_column` names the rows; without one they are numbered. Raises nothing by itself.
    """

    template: str
    model: str
    system_prompt: str = ""
    id_column: str = ""
    max_tokens: int | None = None

    def body(self, row: dict[str, str]) -> dict[str, Any]:
        """The request's body."""
        messages = [{"role": "user", "content": COLUMN.sub(lambda found: row[found[1]], self.template)}]
        if self.system_prompt:
            messages.insert(0, {"role": "system", "content": self.system_prompt})
        limit = {"max_tokens": self.max_tokens} if self.max_tokens else {}
        return {"model": self.model, "messages": messages, **limit}


def look_at_table(file: StoredFile) -> tuple[Sequence[str], list[dict[str, str]]]:
    """The columns and the first rows. Raises `InvalidRequest`."""
    with file.content.open("rb") as raw:
        columns, rows = _read(raw)
        return columns, list(islice(rows, SAMPLE_ROWS))


def make_requests(*, user: User, file: StoredFile, mapping: Mapping) -> StoredFile:
    """A file of requests made of a table. Raises `InvalidRequest`.

    Its lines have the numbers of the table's rows, so that a report of line 7 is about row 7: the header's is
    blank, and so are those of empty rows.
    """
    target = TemporaryUploadedFile("lines.jsonl", "application/jsonl", 0, None)
    with file.content.open("rb") as raw, closing(target):
        columns, rows = _read(raw)
        wanted = {*COLUMN.findall(mapping.template), *filter(None, [mapping.id_column])}
        if unknown := sorted(wanted - set(columns)):
            raise InvalidRequest(
                "The table has no column named '%(name)s'.",
                field="template",
                values={"name": unknown[0]},
            )
        target.write(b"\n")
        for number, row in enumerate(rows, start=1):
            target.write(_request(mapping, row, number) + b"\n")
        target.flush()
        target.size = target.tell()
        return store_file(user=user, purpose="batch", file=target, filename=f"{file.filename}.jsonl")


def _request(mapping: Mapping, row: dict[str, str], number: int) -> bytes:
    if not any(row.values()):
        return b""
    custom_id = row[mapping.id_column] if mapping.id_column else f"row-{number}"
    line = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": mapping.body(row)}
    return msgspec.json.encode(line)


def _read(raw: IO[bytes]) -> tuple[Sequence[str], Iterator[dict[str, str]]]:
    csv.field_size_limit(MAX_CELL_CHARS)
    text = io.TextIOWrapper(raw, encoding=_encoding(raw), newline="")
    try:
        sample = text.read(64_000)
        text.seek(0)
        delimiter = max(",;\t", key=sample.partition("\n")[0].count)
        reader = csv.reader(text, delimiter=delimiter)
        header = next(reader, [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(
            "The table cannot be read: %(reason)s.", field="file", values={"reason": str(error)}
        ) from error
    columns = [name for name in header if name]
    if not columns:
        raise InvalidRequest("The table's first line must name its columns.", field="file")
    return columns, _rows(reader, header)


def _encoding(raw: IO[bytes]) -> str:
    """What is not UTF-8 is taken for Windows-1252: many spreadsheets save tables so unless told otherwise."""
    try:
        for _ in codecs.iterdecode(iter(lambda: raw.read(PIECE_BYTES), b""), "utf-8"):
            pass
    except UnicodeDecodeError as error:
        return "utf-8" if error.object.startswith(UTF16) else "cp1252"
    finally:
        raw.seek(0)
    return "utf-8-sig"


def _rows(reader: Reader, header: Sequence[str]) -> Iterator[dict[str, str]]:
    """What a row lacks is empty, and what it has too much is left out."""
    try:
        for cells in reader:
            yield {name: cell for name, cell in zip(header, chain(cells, repeat("")), strict=False) if name}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(
            "Line %(line)s of the table cannot be read: %(reason)s.",
            field="file",
            values={"line": reader.line_num, "reason": str(error)},
        ) from error

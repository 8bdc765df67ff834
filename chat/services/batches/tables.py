"""Batch jobs of spreadsheets: one line for each row of a CSV file, its prompt made by a template."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import msgspec
from django.core.files.uploadedfile import TemporaryUploadedFile

from chat.models import StoredFile, User
from chat.services.errors import InvalidRequest
from chat.services.files import store_file

CHAT = "/v1/chat/completions"
COLUMN = re.compile(r"\{([^{}]+)\}")
SAMPLE_ROWS = 3
MAX_CELL_CHARS = 1_000_000


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
    """A file of requests made of a table. Raises `InvalidRequest`."""
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
        for number, row in enumerate(rows, start=1):
            custom_id = row[mapping.id_column] if mapping.id_column else f"row-{number}"
            line = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": mapping.body(row)}
            target.write(msgspec.json.encode(line) + b"\n")
        target.flush()
        target.size = target.tell()
        return store_file(user=user, purpose="batch", file=target, filename=f"{file.filename}.jsonl")


def _read(raw: IO[bytes]) -> tuple[Sequence[str], Iterator[dict[str, str]]]:
    csv.field_size_limit(MAX_CELL_CHARS)
    text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
    try:
        sample = text.read(64_000)
        text.seek(0)
        delimiter = max(",;\t", key=sample.partition("\n")[0].count)
        reader = csv.DictReader(text, delimiter=delimiter, restval="")
        columns = [name for name in reader.fieldnames or [] if name]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(
            "The table cannot be read: %(reason)s.", field="file", values={"reason": str(error)}
        ) from error
    if not columns:
        raise InvalidRequest("The table's first line must name its columns.", field="file")
    return columns, _rows(reader, columns)


def _rows(reader: csv.DictReader[str], columns: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        for row in reader:
            yield {name: row[name] or "" for name in columns}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(
            "Line %(line)s of the table cannot be read: %(reason)s.",
            field="file",
            values={"line": reader.line_num, "reason": str(error)},
        ) from error

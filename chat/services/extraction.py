"""The text of an uploaded file: what it is, is said by its content; its name only says how to read text."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from threading import BoundedSemaphore

from chat import pdf_text
from chat.services.errors import InvalidRequest, Unavailable
from chat.services.text import UNSTORABLE

MAX_CHARS = 200_000
PDF_CPU_SECONDS = 10
PDF_WALL_SECONDS = 20.0
PDF_MEMORY_BYTES = 512 << 20
PDFS_AT_ONCE = 2
RETRY_AFTER_SECONDS = 5

MARKDOWN = frozenset({".md", ".markdown"})
TEXT = frozenset({".txt", ".text", ".log", ".csv", ".tsv", ".rst", ".tex", ""})
CODE_NAMES = """
bash bat c cc cfg clj cmake conf cpp cs css cu dart diff dockerfile erl ex exs f90 fish go gradle graphql
groovy h hpp hs html ini ipynb java jl js json jsonl jsx kt less lisp lua m makefile ml nim patch php pl proto
ps1 py pyi r rb rs sass scala scss sh sol sql svelte swift tcl tf toml ts tsx vb vue xml yaml yml zig
"""
CODE = frozenset(f".{name}" for name in CODE_NAMES.split())
PDF_MAGIC = b"%PDF-"
MAGIC_WITHIN = 1024  # as readers of PDF allow
CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\r\f\v\x1b")

_pdfs = BoundedSemaphore(PDFS_AT_ONCE)


@dataclass(frozen=True)
class Extracted:
    """`kind` is text, markdown, code or pdf; a text of more than `MAX_CHARS` is cut there."""

    kind: str
    text: str
    is_truncated: bool


def extract_text(*, filename: str, content: bytes) -> Extracted:
    """Raises `InvalidRequest` for what has no text, and `Unavailable` when too many PDFs are being read."""
    suffix = PurePath(filename).suffix.lower()
    is_pdf = PDF_MAGIC in content[:MAGIC_WITHIN]
    if is_pdf != (suffix == ".pdf"):
        raise _refused("The file's name and its content disagree about whether it is a PDF.")
    kind = "pdf" if is_pdf else _kind(suffix)
    text = _read_pdf(content) if is_pdf else _decode(content)
    if not text.strip():
        raise _refused("There is no text in this file.")
    return Extracted(kind, text[:MAX_CHARS], len(text) > MAX_CHARS)


def _kind(suffix: str) -> str:
    for kind, suffixes in (("markdown", MARKDOWN), ("text", TEXT), ("code", CODE)):
        if suffix in suffixes:
            return kind
    raise InvalidRequest(
        "Files named *%(suffix)s cannot be read: send text, Markdown, source code or a PDF.",
        field="file",
        values={"suffix": suffix[:20]},
    )


def _decode(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _refused("This is not a text in UTF-8.") from error
    if not CONTROLS.isdisjoint(text):
        raise _refused("This is not a text: it has control characters.")
    return text


def _read_pdf(content: bytes) -> str:
    limits = (str(PDF_CPU_SECONDS), str(PDF_MEMORY_BYTES), str(MAX_CHARS + 1))
    command = [sys.executable, "-I", str(Path(pdf_text.__file__)), *limits]
    if not _pdfs.acquire(timeout=RETRY_AFTER_SECONDS):
        raise Unavailable(
            "Too many PDFs are being read: try again in %(seconds)s s.",
            retry_after=RETRY_AFTER_SECONDS,
            values={"seconds": RETRY_AFTER_SECONDS},
        )
    try:
        done = subprocess.run(  # noqa: S603  our own script
            command, input=content, capture_output=True, timeout=PDF_WALL_SECONDS, check=False, env={}
        )
    except subprocess.TimeoutExpired as error:
        raise _refused("This PDF takes too long to read.") from error
    finally:
        _pdfs.release()
    if done.returncode == pdf_text.ENCRYPTED:
        raise _refused("This PDF is encrypted.")
    if done.returncode == pdf_text.UNREADABLE:
        raise _refused("This PDF cannot be read.")
    if done.returncode:
        raise _refused("This PDF takes too much time or memory to read.")
    return UNSTORABLE.sub("\ufffd", done.stdout.decode())


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="file")

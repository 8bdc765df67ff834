from __future__ import annotations

import io
import zlib

import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from chat.services import extraction
from chat.services.errors import InvalidRequest
from chat.services.extraction import MAX_CHARS, extract_text


def make_pdf(*pages: str) -> bytes:
    document = FPDF()
    document.set_font("Helvetica")
    for text in pages:
        document.add_page()
        document.multi_cell(0, text=text)
    return bytes(document.output())


@pytest.mark.parametrize(
    ("filename", "content", "kind", "text"),
    [
        ("notes.txt", "Grüße ☕".encode(), "text", "Grüße ☕"),
        ("README", b"plain", "text", "plain"),
        ("notes.MD", b"# Title", "markdown", "# Title"),
        ("a.py", b"print(1)\n", "code", "print(1)\n"),
        ("bom.txt", b"\xef\xbb\xbfx", "text", "x"),
        ("wide.txt", "x→".encode("utf-16"), "text", "x→"),
    ],
)
def test_texts(filename: str, content: bytes, kind: str, text: str) -> None:
    found = extract_text(filename=filename, content=content)
    assert (found.kind, found.text, found.is_truncated) == (kind, text, False)


def test_a_long_text_is_cut() -> None:
    found = extract_text(filename="a.txt", content=b"x" * (MAX_CHARS + 1))
    assert (len(found.text), found.is_truncated) == (MAX_CHARS, True)


def test_a_pdf() -> None:
    found = extract_text(filename="a.pdf", content=make_pdf("First page", "Second page"))
    assert found.kind == "pdf"
    assert found.text.split() == ["First", "page", "Second", "page"]


@pytest.mark.parametrize(
    ("filename", "content", "why"),
    [
        ("a.exe", b"MZ", "cannot be read"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0", "cannot be read"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0", "UTF-8"),
        ("a.txt", b"a\0b", "control characters"),
        ("a.py", b"\x7fELF\x02\x01", "control characters"),
        ("a.txt", b"", "no text"),
        ("a.txt", b"%PDF-1.7", "disagree"),
        ("a.pdf", b"just text", "disagree"),
        ("a.pdf", b"%PDF-1.7 and nothing", "cannot be read"),
        ("a.pdf", make_pdf(""), "no text"),
    ],
)
def test_what_is_refused(filename: str, content: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        extract_text(filename=filename, content=content)
    assert caught.value.field == "file"


def test_an_encrypted_pdf() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf("Secret"))))
    writer.encrypt("password")
    output = io.BytesIO()
    writer.write(output)
    with pytest.raises(InvalidRequest, match="encrypted"):
        extract_text(filename="a.pdf", content=output.getvalue())


def test_a_bomb_costs_its_own_process_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    page = make_pdf("x" * 100)
    bomb = zlib.compress(b"BT /F1 9 Tf (x) Tj ET\n" * 8_000_000, 9)
    begin = page.index(b"stream\n") + len(b"stream\n")
    end = page.index(b"\nendstream")
    head = page[:begin].replace(f"/Length {end - begin}".encode(), f"/Length {len(bomb)}".encode())
    with pytest.raises(InvalidRequest, match=r"cannot be read|too much"):
        extract_text(filename="a.pdf", content=head + bomb + page[end:])


@pytest.mark.parametrize(
    ("limit", "value"), [("PDF_MEMORY_BYTES", 24 << 20), ("PDF_CPU_SECONDS", 0), ("PDF_WALL_SECONDS", 0.001)]
)
def test_the_limits_hold(monkeypatch: pytest.MonkeyPatch, limit: str, value: float) -> None:
    monkeypatch.setattr(extraction, limit, value)
    with pytest.raises(InvalidRequest, match=r"too much|too long"):
        extract_text(filename="a.pdf", content=make_pdf("x"))

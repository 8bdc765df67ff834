"""The text of a PDF, in a process of its own with bounded time and memory: a hostile file costs only that.

Run as a script with the PDF on standard input; the text comes on standard output as UTF-8. It imports nothing
of Parley. Exits with 0, or with 2 for an encrypted and 3 for an unreadable file.
"""

from __future__ import annotations

import contextlib
import io
import logging
import resource
import sys

ENCRYPTED, UNREADABLE = 2, 3


def main(seconds: int, memory_bytes: int, max_chars: int) -> int:
    """Limits first: everything after them runs within them."""
    for kind, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # not every system has every limit
            resource.setrlimit(kind, (limit, limit))
    from pypdf import PdfReader

    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
        if reader.is_encrypted and not reader.decrypt(""):
            return ENCRYPTED
        left = max_chars
        for page in reader.pages:
            text = page.extract_text()[:left]
            sys.stdout.buffer.write((text + "\n").encode("utf-8", "replace"))
            left -= len(text)
            if left <= 0:
                break
    except Exception:  # noqa: BLE001  the edge of the process: whatever a broken file does to the parser
        return UNREADABLE
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4])))

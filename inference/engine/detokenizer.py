"""Token bytes to text that is safe to show: whole characters, and no part of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

REPLACEMENT = "\ufffd"


class Detokenizer:
    """Incremental UTF-8 decoding with stop strings; the result does not depend on how the bytes are split.

    The text ends where the first stop string *completes* (of those completing at the same character, the
    longest wins) and what precedes it is released. Invalid bytes, encoded surrogates and U+0000, which
    PostgreSQL refuses, become U+FFFD.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(dict.fromkeys(stop))
        self._prefixes = {text[:size] for text in self._stop for size in range(1, len(text))}
        self._longest = max(map(len, self._prefixes), default=0)
        self._held = ""
        self.stopped = False

    def push(self, piece: bytes) -> str:
        """The text released by one more token; empty while a character or a possible stop string is open."""
        return self._release(self._decoder.decode(piece))

    def flush(self) -> str:
        """Everything still held, at the end of a reply; an unfinished character becomes U+FFFD."""
        released = self._release(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return released + held

    def _release(self, text: str) -> str:
        if self.stopped or not text:
            return ""
        text = self._held + text.replace("\0", REPLACEMENT)
        start = self._find_stop(text)
        if start is not None:
            self.stopped, self._held = True, ""
            return text[:start]
        cut = len(text) - self._open_length(text)
        self._held = text[cut:]
        return text[:cut]

    def _find_stop(self, text: str) -> int | None:
        """Where the stop string that completes first begins."""
        found = [(start + len(stop), start) for stop in self._stop if (start := text.find(stop)) >= 0]
        return min(found)[1] if found else None

    def _open_length(self, text: str) -> int:
        """Length of the longest end of `text` that may still grow into a stop string."""
        sizes = range(min(self._longest, len(text)), 0, -1)
        return next((size for size in sizes if text[-size:] in self._prefixes), 0)

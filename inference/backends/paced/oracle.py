"""What a paced reply says: token *i* depends on the prompt's ids and *i* alone."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence

_VOCABULARY = """
amber birch cedar delta ember fjord grove heron island juniper kestrel lagoon meadow nectar orchid pebble
quartz river saffron thistle umber violet willow xenon yarrow zephyr naïve café straße 日本 мир 🙂
"""
WORDS = tuple(_VOCABULARY.split())
"""Each is one token, said with a space behind it."""
FIRST_WORD = 256
END = FIRST_WORD + len(WORDS)
FIRST_TIME = END + 1
CLOCK_WRAP = 100_000
_NEVER = 1 << 62
_END_AFTER = re.compile(rb"\[\[end after (\d{1,9})\]\]")
_CLOCK = b"[[clock]]"
_CRASH = re.compile(rb"\[\[crash(?: after (\d{1,9}))?\]\]")


class PacedSampler:
    """What one prompt makes the backend say."""

    def __init__(self, prompt_ids: Sequence[int]) -> None:
        text = b"".join(map(piece_of, prompt_ids))
        self._key = zlib.crc32(repr(list(prompt_ids)).encode())
        self._end_after = _last_number(_END_AFTER, text)
        self._crash_after = _last_number(_CRASH, text)
        self._tells_time = _CLOCK in text

    def token_at(self, position: int) -> int:
        """The reply's token at `position`, counting from 0."""
        if position >= self._end_after:
            return END
        if self._tells_time:
            return FIRST_TIME + round(time.monotonic() * 10_000) % CLOCK_WRAP
        draw = zlib.crc32(b"%d %d" % (self._key, position))
        return FIRST_WORD + draw % len(WORDS)

    def crash_at(self, position: int) -> bool:
        """Whether the process must die instead of producing this token."""
        return position >= self._crash_after

    def accept(self, token_id: int) -> None:
        """Nothing to note: the position alone decides."""

    def close(self) -> None:
        """Nothing to free."""


def expected_text(prompt_ids: Sequence[int], n: int) -> str:
    """The first `n` tokens of the answer to a prompt, the same wherever and however often it is tried."""
    sampler = PacedSampler(prompt_ids)
    ids = [sampler.token_at(position) for position in range(n)]
    return b"".join(map(piece_of, ids)).decode()


def piece_of(token_id: int) -> bytes:
    """The bytes that a token stands for."""
    if token_id < FIRST_WORD:
        return bytes([token_id])
    if token_id < END:
        return f"{WORDS[token_id - FIRST_WORD]} ".encode()
    return b"" if token_id == END else b"%d " % (token_id - FIRST_TIME)


def _last_number(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.findall(text)
    return int(found[-1] or 0) if found else _NEVER

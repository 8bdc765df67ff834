"""Token ids as the database keeps them: little-endian uint32."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence


def pack_ids(token_ids: Sequence[int]) -> bytes:
    """The stored form of token ids."""
    packed = array("I", token_ids)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_ids(stored: bytes | memoryview) -> list[int]:
    """The token ids of a stored form."""
    unpacked = array("I", bytes(stored))
    if sys.byteorder == "big":
        unpacked.byteswap()
    return unpacked.tolist()

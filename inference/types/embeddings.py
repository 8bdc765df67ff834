"""Texts as vectors."""

from __future__ import annotations

import msgspec


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of length 1 as little-endian float32, one for each input; `tokens` is what all inputs had."""

    vectors: list[bytes]
    tokens: int

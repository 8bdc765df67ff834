"""Room for replies that are longer than their window. After "context shift" in llama.cpp's server."""

from __future__ import annotations

from collections.abc import Iterable

from inference.engine.kv_cache import KVCache
from inference.engine.reporter import Reporter
from inference.engine.sequence import Sequence


def make_room(sequences: Iterable[Sequence], kv: KVCache, reporter: Reporter) -> None:
    """Shift whose window is full, also that of those who wait for a seat. Before anybody is seated."""
    for sequence in sequences:
        if sequence.is_full:
            start, count = sequence.shift()
            if sequence.seated:
                kv.shift(sequence.stream, start, count)
            reporter.shifted(sequence, count)

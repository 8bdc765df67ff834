"""Which stream of the KV cache holds which tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Stream:
    """One seat. `tokens` are those computed, in order of position; they outlive the sequence that used it."""

    index: int
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    used_at: int = 0


class KVCache:
    """Seats sequences on streams so that a prompt finds as much of itself already computed as possible.

    `keep(stream, length)` truncates a stream in the runtime and returns what it really kept.
    """

    def __init__(self, slots: int, keep: Callable[[int, int], int]) -> None:
        self.streams = [Stream(index) for index in range(slots)]
        self._keep = keep
        self._clock = 0

    @property
    def busy(self) -> int:
        """Number of seated sequences."""
        return sum(stream.busy for stream in self.streams)

    @property
    def used(self) -> int:
        """Tokens held, running and retained."""
        return sum(len(stream.tokens) for stream in self.streams)

    def seat(self, ids: Sequence[int]) -> Stream | None:
        """The free stream with the longest common prefix, else the least recently used; None if all are busy.

        At least the last id is left to compute, because its logits are needed.
        """
        free = [stream for stream in self.streams if not stream.busy]
        if not free:
            return None
        shared = {stream.index: common_prefix(stream.tokens, ids) for stream in free}
        best = min(free, key=lambda stream: (-shared[stream.index], stream.used_at, stream.index))
        self.truncate(best, min(shared[best.index], len(ids) - 1))
        best.busy = True
        return best

    def release(self, stream: Stream) -> None:
        """Free the seat; its tokens stay for a later prompt."""
        self._clock += 1
        stream.used_at = self._clock
        stream.busy = False

    def truncate(self, stream: Stream, length: int) -> int:
        """Forget what follows `length`; returns the length really kept, maybe less than asked for."""
        kept = self._keep(stream.index, length)
        del stream.tokens[kept:]
        return kept


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(left), len(right)))

"""The arithmetic of chunk numbers: what to forward, what to drop, what to read again. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from chat.realtime.protocol.events import DeltaEvent

Verdict = Literal["forward", "repeat", "gap"]
WINDOW = 512


class ChunkWindow:
    """The newest deltas of one generation: consecutive, at most `size`, ending with number `last`."""

    def __init__(self, *, last: int = -1, size: int = WINDOW) -> None:
        self.last = last
        self._deltas: deque[DeltaEvent] = deque(maxlen=size)

    def offer(self, delta: DeltaEvent) -> Verdict:
        """Take the next delta. A repeat is dropped; a gap must be filled from the database."""
        if delta.seq <= self.last:
            return "repeat"
        if delta.seq > self.last + 1:
            return "gap"
        self._deltas.append(delta)
        self.last = delta.seq
        return "forward"

    def offer_all(self, deltas: Iterable[DeltaEvent]) -> bool:
        """Offer several in order; False at the first gap, with the rest left alone."""
        return all(self.offer(delta) != "gap" for delta in deltas)

    def after(self, seq: int) -> list[DeltaEvent] | None:
        """What follows `seq`; None when the window no longer reaches back that far."""
        if seq >= self.last:
            return []
        first = self.last - len(self._deltas) + 1
        if seq + 1 < first:
            return None
        newest_first = islice(reversed(self._deltas), self.last - seq)
        return list(newest_first)[::-1]

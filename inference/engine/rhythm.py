"""How often batch work may compute beside chat, so that chat keeps its share of speed."""

from __future__ import annotations

from collections.abc import Sequence

from inference.engine.batch import Work

KEPT = 0.8
"""The share of its speed alone that chat keeps."""
RENEWED = 32
"""After so many steps together there is one without batch work, to know what that takes."""
MEMORY = 0.8


class Rhythm:
    """Steps together cost chat time, which all steps pay back: each a share of what chat's own step takes.

    With steps together that take `b` and others that take `a`, every `k`-th is one together, `k` being at
    least `KEPT / (1 - KEPT) * (b / a - 1)`: every one where they cost next to nothing. A single step
    is charged at most `most_ms`: it may be a hiccup.
    """

    def __init__(self, most_ms: float) -> None:
        self._most_ms = most_ms
        self._debt_ms = 0.0
        self._together = 0
        self._alone_ms: dict[int, float] = {}

    def lets_join(self, chatting: int) -> bool:
        """Whether batch work may compute beside so many replies."""
        return self._debt_ms <= 0 and self._together < RENEWED and chatting in self._alone_ms

    def observe(self, works: Sequence[Work], elapsed_ms: float, *, chat_tokens: int) -> None:
        """Learn from a step that sampled so many tokens for who chats, unless it read a prompt of theirs."""
        chat = [work for work in works if not work.sequence.is_batch]
        if not chat_tokens or any(work.size > 1 for work in chat):
            return
        together, size = len(chat) < len(works), len(chat)
        progress = chat_tokens / size  # more than 1 where guesses are right
        self._together = self._together + 1 if together else 0
        if not together:
            before = self._alone_ms.get(size, elapsed_ms / progress)
            self._alone_ms[size] = MEMORY * before + (1 - MEMORY) * elapsed_ms / progress
        alone_ms = progress * self._alone_ms.get(size, elapsed_ms / progress)
        extra_ms = min(self._most_ms, elapsed_ms - alone_ms) if together else 0.0
        self._debt_ms = max(0.0, self._debt_ms + extra_ms - (1 / KEPT - 1) * alone_ms)

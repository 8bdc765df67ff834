"""What moving KV contents costs, in the only currency that compares: prompt tokens computed meanwhile."""

from __future__ import annotations

LEAST_COPY = 16
COPY_SHARE = 1 / 512
"""A copy moves the whole window: 9 and 14 tokens' worth at 4,096 and 8,192, and so on
(docs/decisions/004-kv-layout.md)."""
MEMORY = 0.8


class Costs:
    """Running means of what prefill and restoring took. Until both are known, restoring costs the least."""

    def __init__(self, n_ctx: int) -> None:
        self.copy_tokens = max(LEAST_COPY, round(n_ctx * COPY_SHARE))
        self._token_ms: float | None = None
        self._byte_ms: float | None = None

    def saw_prefill(self, tokens: int, elapsed_ms: float) -> None:
        """Learn from a step that computed nothing but prompts."""
        self._token_ms = _blend(self._token_ms, elapsed_ms / tokens)

    def saw_restore(self, size: int, elapsed_ms: float) -> None:
        """Learn from a restore of so many bytes."""
        self._byte_ms = _blend(self._byte_ms, elapsed_ms / max(1, size))

    def restore_tokens(self, size: int) -> float:
        """What restoring so many bytes costs."""
        if not self._token_ms or self._byte_ms is None:
            return LEAST_COPY
        return max(LEAST_COPY, size * self._byte_ms / self._token_ms)


def _blend(mean: float | None, value: float) -> float:
    return value if mean is None else MEMORY * mean + (1 - MEMORY) * value

"""What nobody reads along is said in few frames: they cost both processes more than tokens do."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.types.events import Delta, Emit, EngineEvent

GATHERED_TOKENS = 64
"""A quarter of what a sequence may be ahead of its reader."""
GATHERED_S = 2.0
"""How much is computed again when the engine's process dies."""


class Gathering:
    """An `emit` for one request that joins deltas: it passes the first on at once, since it clears a suspect,
    then those of `GATHERED_S` or `GATHERED_TOKENS` together, and with the end what is left.
    """

    def __init__(self, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._held: list[Delta] = []
        self._due_at = float("-inf")

    def __call__(self, event: EngineEvent) -> None:
        """Hear of an event."""
        if isinstance(event, Delta):
            self._held.append(event)
            if len(self._held) < GATHERED_TOKENS and self._clock() < self._due_at:
                return
        self._release()
        if not isinstance(event, Delta):
            self._emit(event)

    def _release(self) -> None:
        held, self._held = self._held, []
        if not held:
            return
        self._due_at = self._clock() + GATHERED_S
        self._emit(
            Delta(
                request_id=held[0].request_id,
                token_ids=[token_id for delta in held for token_id in delta.token_ids],
                text="".join(delta.text for delta in held),
                logprobs=[each for delta in held for each in delta.logprobs],
            )
        )

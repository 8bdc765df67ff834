"""The engine speaks in beats: frames cost both processes more than tokens do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from inference.types.events import Delta, EngineEvent

BEAT_S = 0.05
"""How long somebody who reads along may wait for a token that is not the first."""
LONG_BEAT_S = 2.0
"""The same where nobody does. So much is computed again when the engine's process dies."""
GATHERED_TOKENS = 64
"""A quarter of what a sequence may be ahead of its reader."""


class Gathering:
    """An `emit` for many requests: what they say between two beats is told together, deltas of one joined.

    A request's first delta is told at once, since somebody waits for it and it clears a suspect; so is its
    end, and what has become much. May be called from any thread.
    """

    def __init__(self, tell: Callable[[list[EngineEvent]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._held: dict[str, list[Delta]] = {}
        self._begun = threading.Event()

    def __call__(self, event: EngineEvent) -> None:
        """Hear of an event."""
        with self._lock:
            if isinstance(event, Delta):
                self._take(event)
            else:
                self._tell([*_joined(self._held.pop(event.request_id, [])), event])

    def release(self) -> bool:
        """Tell what is held; whether there was anything."""
        with self._lock:
            told: list[EngineEvent] = []
            for held in self._held.values():
                told += _joined(held)
                held.clear()
            if told:
                self._tell(told)
        return bool(told)

    def keep_time(self, beat_s: float) -> None:
        """Release once a beat while anything is said, from a thread of its own."""
        threading.Thread(target=self._keep_time, args=[beat_s], name="beats", daemon=True).start()

    def _take(self, delta: Delta) -> None:
        is_first = delta.request_id not in self._held
        held = self._held.setdefault(delta.request_id, [])
        held.append(delta)
        if is_first or len(held) == GATHERED_TOKENS:
            self._tell([*_joined(held)])
            held.clear()
        elif not self._begun.is_set():
            self._begun.set()

    def _keep_time(self, beat_s: float) -> None:
        while self._begun.wait():
            self._begun.clear()
            while self.release():
                time.sleep(beat_s)


def _joined(deltas: list[Delta]) -> list[Delta]:
    """One for all."""
    if len(deltas) < 2:
        return deltas
    return [
        Delta(
            request_id=deltas[0].request_id,
            token_ids=[token_id for delta in deltas for token_id in delta.token_ids],
            text="".join(delta.text for delta in deltas),
            logprobs=[each for delta in deltas for each in delta.logprobs],
        )
    ]

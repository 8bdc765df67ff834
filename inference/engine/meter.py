"""The engine's gauges."""

from __future__ import annotations

from bisect import bisect_left

from inference.engine.embedding import EmbeddingQueue
from inference.engine.kv_cache import KVCache
from inference.engine.lookup import PromptLookup
from inference.engine.scheduler import Scheduler
from inference.types.engines import STEP_MS_BOUNDS, Gauges

STEP_MEMORY = 0.9


class Meter:
    """Counts steps and reads the rest off the engine's parts. `gauges` may be read from any thread."""

    def __init__(
        self, kv: KVCache, scheduler: Scheduler, lookup: PromptLookup, embeddings: EmbeddingQueue
    ) -> None:
        self.gauges = Gauges()
        self._kv = kv
        self._scheduler = scheduler
        self._lookup = lookup
        self._embeddings = embeddings
        self._counts = [0] * (len(STEP_MS_BOUNDS) + 1)

    def count_step(self, step_ms: float) -> None:
        """Note a step that computed something."""
        old = self.gauges
        self._counts[bisect_left(STEP_MS_BOUNDS, step_ms)] += 1
        mean = STEP_MEMORY * old.mean_step_ms + (1 - STEP_MEMORY) * step_ms if old.steps else step_ms
        self._read(old.steps + 1, mean)

    def refresh(self) -> None:
        """Read the parts again."""
        self._read(self.gauges.steps, self.gauges.mean_step_ms)

    def _read(self, steps: int, mean_step_ms: float) -> None:
        self.gauges = Gauges(
            slots_busy=self._kv.busy,
            queued=len(self._scheduler.waiting),
            kv_tokens=self._kv.used,
            steps=steps,
            mean_step_ms=mean_step_ms,
            step_counts=tuple(self._counts),
            retained_bytes=self._kv.store.used,
            retained_evictions=self._kv.store.evictions,
            drafted_tokens=self._lookup.drafted,
            accepted_tokens=self._lookup.accepted,
            embedded_tokens=self._embeddings.tokens,
        )

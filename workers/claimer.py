"""Takes the fairest eligible rows: on a hint, when a slot becomes free, and once a second."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from django.db import connections

from chat.services.generations import (
    ClaimedGeneration,
    claim_generation,
    claim_stream,
    may_be_claimable,
    tick_control,
)
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)

POLL_S = 1.0
TICK_S = 0.5
"""A tick writes: not at each of many ends."""


class Claimer:
    """Holds the worker's slots. `run` runs a claimed generation to its end, in the thread that claimed.

    Before each claim, `may_claim` tells whether at all, and `models` for which models.
    """

    def __init__(
        self,
        *,
        worker: str,
        models: Callable[[], Sequence[str]],
        slots: int,
        run: Callable[[ClaimedGeneration], None],
        may_claim: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._models = models
        self._run = run
        self._may_claim = may_claim
        self._free = threading.BoundedSemaphore(slots)
        self._ticked_at = float("-inf")
        self._claiming = threading.Lock()
        self._due = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="claimer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def hint(self) -> bool:
        """A row may be ready: claim one and run it to its end here. False without a free slot to do so."""
        if self._closed.is_set() or not self._free.acquire(blocking=False):
            return False
        self._use_slot(self._claim())
        return True

    def wake(self) -> None:
        """Look at once."""
        self._due.set()

    def close(self) -> None:
        """Claim nothing more. Generations that run go on."""
        self._closed.set()
        self.wake()

    def _loop(self) -> None:
        while not self._closed.is_set():
            # Jittered, so that many workers do not ask the database at the same moments.
            self._due.wait(POLL_S * random.uniform(0.5, 1.2))  # noqa: S311
            self._due.clear()
            self._tick()
            self._fill()
        connections.close_all()

    def _fill(self) -> None:
        """Claim until there is no slot or no row left, each generation in a thread of its own."""
        while self._free.acquire(blocking=False):
            claimed = self._claim(looks_first=True)
            if claimed is None:
                self._free.release()
                return
            threading.Thread(target=self._use_own_thread, args=(claimed,), daemon=True).start()

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked_at < TICK_S:
            return
        self._ticked_at = now
        try:
            tick_control()
        except OUTAGE:
            reconnect()  # the gap that this leaves is what the tick is for
        except Exception:
            logger.exception("%s cannot tick", self._worker)

    def _claim(self, *, looks_first: bool = False) -> ClaimedGeneration | None:
        """Without a hint there is mostly nothing, and `looks_first` finds that out cheaply.

        One at a time: after a drain many hints come at once, and would race for the same few rows.
        """
        with self._claiming:
            if self._closed.is_set() or not self._may_claim():
                return None
            try:
                models = self._models()
                if looks_first and not may_be_claimable(models):
                    return None
                return self._find(self._worker, models)
            except OUTAGE as error:
                logger.warning("%s cannot claim now: %s", self._worker, error)
                reconnect()
            except Exception:
                logger.exception("%s cannot claim", self._worker)
            return None

    def _find(self, worker: str, models: Sequence[str]) -> ClaimedGeneration | None:
        return claim_generation(worker=worker, models=models)

    def _use_own_thread(self, claimed: ClaimedGeneration) -> None:
        try:
            self._use_slot(claimed)
        finally:
            connections.close_all()

    def _use_slot(self, claimed: ClaimedGeneration | None) -> None:
        try:
            if claimed is not None:
                self._run(claimed)
        finally:
            self._free.release()
        if claimed is not None:
            self.wake()


class StreamClaimer(Claimer):
    """For generations of providers, which need no thread: `run` only begins one; `free` tells of its end."""

    def free(self) -> None:
        """A generation is over."""
        self._free.release()
        self.wake()

    def _fill(self) -> None:
        while self._free.acquire(blocking=False):
            claimed = self._claim(looks_first=True)
            if claimed is None:
                self._free.release()
                return
            self._run(claimed)

    def _find(self, worker: str, models: Sequence[str]) -> ClaimedGeneration | None:
        return claim_stream(worker=worker, models=models)

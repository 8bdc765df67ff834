"""Takes the fairest eligible rows: on hints, when a slot becomes free, and once a second."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from django.db import connections

from chat.services.generations import (
    ClaimedGeneration,
    claim_generations,
    may_be_claimable,
    tick_control,
)
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)

POLL_S = 1.0
TICK_S = 0.5
"""A tick writes: not at each of many ends."""


class Find(Protocol):
    """Claims up to `most` rows, perhaps fewer than there are."""

    def __call__(self, *, worker: str, models: Sequence[str], most: int) -> Iterable[ClaimedGeneration]:
        """None are left when none are found. Those before an error are claimed."""


class Claimer:
    """Holds the worker's slots, and claims in one thread of its own.

    `begin` starts a claimed generation and returns soon; whoever ends it calls `free`. Before each claim,
    `may_claim` tells whether at all, and `models` for which models. `pass_on` hears of hints that came to no
    free slot.
    """

    def __init__(
        self,
        *,
        worker: str,
        models: Callable[[], Sequence[str]],
        slots: int,
        begin: Callable[[ClaimedGeneration], None],
        may_claim: Callable[[], bool],
        find: Find = claim_generations,
        pass_on: Callable[[Collection[UUID]], None] = lambda ids: None,
    ) -> None:
        self._worker = worker
        self._models = models
        self._begin = begin
        self._may_claim = may_claim
        self._find = find
        self._pass_on = pass_on
        self._free = slots
        self._lock = threading.Lock()
        self._hinted: deque[UUID] = deque()
        self._ticked_at = float("-inf")
        self._looks_at = 0.0
        self._due = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="claimer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def hint(self, generation_id: UUID) -> None:
        """A row may be ready. Returns at once."""
        self._hinted.append(generation_id)
        self._due.set()

    def wake(self) -> None:
        """Look at once."""
        self._looks_at = 0.0
        self._due.set()

    def free(self) -> None:
        """A generation is over."""
        self._count(1)
        self.wake()

    def close(self) -> None:
        """Claim nothing more. Generations that run go on."""
        self._closed.set()
        self.wake()

    def join(self, timeout_s: float) -> None:
        """After `close`: wait for a claim that is under way, and for what it begins."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _loop(self) -> None:
        while not self._closed.is_set():
            self._due.wait(max(0.0, self._looks_at - time.monotonic()))
            self._due.clear()
            self._follow()
            if time.monotonic() >= self._looks_at:
                # Jittered, so that many workers do not ask the database at the same moments.
                self._looks_at = time.monotonic() + POLL_S * random.uniform(0.5, 1.2)  # noqa: S311
                self._fill()
            self._tick()
        self._follow()
        connections.close_all()

    def _follow(self) -> None:
        """Claim no more than hints have come: others got hints as well. What has no slot is passed on."""
        hinted = [self._hinted.popleft() for _ in range(len(self._hinted))]
        self._take(len(hinted))
        if hinted and (self._closed.is_set() or not self._free):
            self._guard(lambda: self._pass_on(hinted), "cannot pass hints on")

    def _fill(self) -> None:
        """Claim until there is no slot or no row left."""
        self._take(self._free)

    def _take(self, most: int) -> None:
        """Claim and begin until there are so many, or no slot or no row is left."""
        while (wanted := min(most, self._free)) > 0 and (found := self._claim(wanted)):
            most -= len(found)
            self._count(-len(found))
            for claimed in found:
                self._try_to_begin(claimed)

    def _try_to_begin(self, claimed: ClaimedGeneration) -> None:
        try:
            self._begin(claimed)
        except Exception:
            logger.exception("%s cannot begin generation %s", self._worker, claimed.id)
            self._count(1)

    def _claim(self, most: int) -> list[ClaimedGeneration]:
        found: list[ClaimedGeneration] = []
        if not self._closed.is_set() and self._may_claim():
            self._guard(lambda: found.extend(self._search(most)), "cannot claim")
        return found

    def _search(self, most: int) -> Iterable[ClaimedGeneration]:
        """Without a hint there is mostly nothing, as after one whose row has been found already."""
        models = self._models()
        if not may_be_claimable(models):
            return []
        return self._find(worker=self._worker, models=models, most=most)

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked_at >= TICK_S:
            self._ticked_at = now
            self._guard(tick_control, "cannot tick")  # the gap that this leaves is what the tick is for

    def _guard(self, action: Callable[[], object], failing: str) -> None:
        try:
            action()
        except OUTAGE as error:
            logger.warning("%s %s now: %s", self._worker, failing, error)
            reconnect()
        except Exception:
            logger.exception("%s %s", self._worker, failing)

    def _count(self, more: int) -> None:
        with self._lock:
            self._free += more

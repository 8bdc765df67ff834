"""Who gets a seat now, and who has to give one up for it."""

from __future__ import annotations

from collections.abc import Iterator

from inference.engine.costs import Costs
from inference.engine.kv_cache import KVCache, Seating
from inference.engine.reporter import Reporter
from inference.engine.scheduler import Scheduler
from inference.engine.sequence import Sequence
from inference.engine.sharing import pays_to_wait


class Admission:
    """Moves sequences between the scheduler's queue and the seats of the KV cache."""

    def __init__(self, kv: KVCache, costs: Costs, scheduler: Scheduler, reporter: Reporter) -> None:
        self._kv = kv
        self._costs = costs
        self._scheduler = scheduler
        self._reporter = reporter

    def admit(self) -> Iterator[tuple[Sequence, Seating]]:
        """Seat whom there is room for; a seat is kept free for a prompt that waits for its neighbour's."""
        reserved = 0
        for sequence in self._scheduler.candidates():
            is_free = self._kv.free_seats > reserved
            victim = None if is_free else self._scheduler.victim(sequence)
            if not is_free and victim is None:
                return
            if self._waits_for_neighbour(sequence):
                reserved += 1
                continue
            if victim is not None:
                self._evict(victim, sequence)
            seating = self._kv.seat(sequence.ids, sequence.request.cache_key, sequence.request.adapter)
            sequence.stream = seating.stream
            self._scheduler.start(sequence)
            yield sequence, seating

    def _waits_for_neighbour(self, sequence: Sequence) -> bool:
        adapter = sequence.request.adapter
        ready = [other for other in self._scheduler.ready() if other.request.adapter == adapter]
        chat = [other for other in ready if not other.is_batch]
        running = ready if sequence.is_batch else chat or ready  # beside chat batch work is slow
        prefilling = [other for other in running if other.pending > 1]
        if not prefilling:
            return False
        available = self._kv.available(sequence.ids, adapter)
        return pays_to_wait(sequence.ids, available, prefilling, least=2 * self._costs.copy_tokens)

    def _evict(self, victim: Sequence, newcomer: Sequence) -> None:
        """Send a sequence back to the queue; what it computed is retained like any other prefix."""
        self._scheduler.remove(victim)
        self._kv.release(victim.unseat())
        self._scheduler.add(victim)
        self._reporter.evicted(victim, newcomer)

"""Who gets a slot, and who computes what in the next step."""

from __future__ import annotations

from bisect import insort

from inference.engine.batch import Work
from inference.engine.sequence import Sequence

FIRST_CHUNK = 64
SMALLEST_CHUNK = 16
TILE = 64
"""So many query tokens flash attention computes together on a CPU; part of a tile costs like all of it."""


class Scheduler:
    """Strict classes, by age inside a class; each step decodes first, then prefills within a time budget.

    Prompts are computed in chunks, taking turns, so that a long prompt delays running streams by about
    `step_ms` a token and no more. The chunk size follows the measured time of the steps it filled.
    With `batch_pauses`, batch sequences keep their slots, but beside interactive ones only the oldest
    `batch_share` of them compute.
    """

    def __init__(
        self,
        *,
        n_batch: int,
        step_ms: float,
        flow_control: bool = False,
        batch_pauses: bool = False,
        batch_share: int = 0,
    ) -> None:
        self.running: list[Sequence] = []
        self.waiting: list[Sequence] = []
        self.chunk = min(FIRST_CHUNK, n_batch)
        self._n_batch = n_batch
        self._step_ms = step_ms
        self._flow_control = flow_control
        self._batch_pauses = batch_pauses
        self._batch_share = batch_share

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence by class and age: one that had to give its slot away comes before younger ones."""
        insort(self.waiting, sequence, key=lambda each: (each.is_batch, each.arrived_at))

    def start(self, sequence: Sequence) -> None:
        """Move a sequence from the queue to the running ones."""
        self.waiting.remove(sequence)
        self.running.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence, wherever it is."""
        (self.running if sequence in self.running else self.waiting).remove(sequence)

    def candidates(self) -> list[Sequence]:
        """Who may have a slot, in order."""
        return self._unpaused([each for each in self.waiting if not self._is_parked(each)], self.ready())

    def ready(self) -> list[Sequence]:
        """The running sequences that may compute, least recently served first."""
        return self._unpaused([each for each in self.running if not self._is_parked(each)])

    def victim(self, newcomer: Sequence) -> Sequence | None:
        """Who gives up a slot for the newcomer: the newest of a lower class, else one that nobody reads."""
        lower = [each for each in self.running if each.is_batch and not newcomer.is_batch]
        parked = [each for each in self.running if self._is_parked(each)]
        return max(lower or parked, key=lambda each: each.arrived_at, default=None)

    def plan(self) -> list[Work]:
        """The work of one step, at most `n_batch` rows; whoever was served goes to the back of the line."""
        ready = self.ready()
        prefilling = [sequence for sequence in ready if sequence.pending > 1]
        prefilling.sort(key=lambda sequence: sequence.is_batch)
        room = self._n_batch - (SMALLEST_CHUNK if prefilling else 0)
        plan = [Work(sequence, 1) for sequence in ready if sequence.pending == 1][:room]
        budget = min(self.chunk, self._n_batch - len(plan))
        for sequence in prefilling:
            if budget > 0:
                plan.append(Work(sequence, _fitting(sequence.pending, budget, beside=bool(plan))))
                budget -= plan[-1].size
        served = {work.sequence for work in plan}
        self.running.sort(key=lambda sequence: sequence in served)
        return plan

    def observe(self, plan: list[Work], elapsed_ms: float) -> None:
        """Learn from a step: a chunk that was used up shrinks or grows towards the time budget."""
        prefilled = sum(work.size for work in plan if work.size > 1)
        if prefilled > self.chunk - TILE or (prefilled and elapsed_ms > self._step_ms):
            factor = min(2.0, max(0.5, self._step_ms / max(elapsed_ms, 0.001)))
            self.chunk = max(SMALLEST_CHUNK, min(self._n_batch, int(prefilled * factor)))

    def _is_parked(self, sequence: Sequence) -> bool:
        return self._flow_control and sequence.lagging

    def _unpaused(self, sequences: list[Sequence], others: list[Sequence] | None = None) -> list[Sequence]:
        """The sequences without those of batch class beyond their share, which `others` may have part of, if
        these pause beside one of another class.
        """
        others = others or []
        if not self._batch_pauses or all(each.is_batch for each in (*sequences, *others)):
            return sequences
        share = max(0, self._batch_share - sum(each.is_batch for each in others))
        seats = [each.stream.index for each in (*sequences, *others) if each.seated and not each.is_batch]
        batch = sorted(
            (each for each in sequences if each.is_batch),
            key=lambda each: (_distance(each, seats), each.arrived_at),
        )
        paused = set(batch[share:])
        return [each for each in sequences if each not in paused]


def _distance(sequence: Sequence, seats: list[int]) -> int:
    """How far a sequence sits from the nearest of these seats: the runtime computes neighbours together."""
    return min((abs(sequence.stream.index - seat) for seat in seats), default=0) if sequence.seated else 0


def _fitting(pending: int, budget: int, *, beside: bool) -> int:
    """How much of a prompt to compute: the rest of it, or whole tiles. `beside` other sequences llama.cpp
    computes the first token apart from the others.
    """
    size = min(pending, budget)
    if size == pending or size <= TILE:
        return size
    return (size - beside) // TILE * TILE + beside

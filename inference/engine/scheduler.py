"""Who computes what in the next step."""

from __future__ import annotations

from collections import deque

from inference.engine.batch import Work
from inference.engine.sequence import Sequence
from inference.types import Priority

FIRST_CHUNK = 64
SMALLEST_CHUNK = 16


class Scheduler:
    """Admission by class and arrival; each step decodes first, then prefills within a time budget.

    Prompts are computed in chunks, taking turns, so that a long prompt delays running streams by about
    `step_ms` a token and no more. The chunk size follows the measured time of the steps it filled.
    """

    def __init__(self, *, n_batch: int, step_ms: float, flow_control: bool) -> None:
        self.running: list[Sequence] = []
        self.chunk = min(FIRST_CHUNK, n_batch)
        self._waiting: dict[Priority, deque[Sequence]] = {"interactive": deque(), "batch": deque()}
        self._n_batch = n_batch
        self._step_ms = step_ms
        self._flow_control = flow_control

    @property
    def queued(self) -> int:
        """Number of sequences without a slot."""
        return sum(map(len, self._waiting.values()))

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence behind its class."""
        self._waiting[sequence.request.priority].append(sequence)

    def next_waiting(self) -> Sequence | None:
        """Who gets the next free slot."""
        return next((queue[0] for queue in self._waiting.values() if queue), None)

    def start(self, sequence: Sequence) -> None:
        """Move a sequence from its queue to the running ones."""
        self._waiting[sequence.request.priority].remove(sequence)
        self.running.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence, wherever it is."""
        queue = self._waiting[sequence.request.priority]
        (self.running if sequence in self.running else queue).remove(sequence)

    def plan(self) -> list[Work]:
        """The work of one step, at most `n_batch` rows; whoever was served goes to the back of the line."""
        ready = [sequence for sequence in self.running if not (self._flow_control and sequence.lagging)]
        prefilling = [sequence for sequence in ready if sequence.pending > 1]
        prefilling.sort(key=lambda sequence: sequence.request.priority != "interactive")
        room = self._n_batch - (SMALLEST_CHUNK if prefilling else 0)
        plan = [Work(sequence, 1) for sequence in ready if sequence.pending == 1][:room]
        budget = min(self.chunk, self._n_batch - len(plan))
        for sequence in prefilling:
            if budget > 0:
                plan.append(Work(sequence, min(sequence.pending, budget)))
                budget -= plan[-1].size
        served = {work.sequence for work in plan}
        self.running.sort(key=lambda sequence: sequence in served)
        return plan

    def observe(self, plan: list[Work], elapsed_ms: float) -> None:
        """Learn from a step: a chunk that was used up shrinks or grows towards the time budget."""
        prefilled = sum(work.size for work in plan if work.size > 1)
        if prefilled >= self.chunk or (prefilled and elapsed_ms > self._step_ms):
            factor = min(2.0, max(0.5, self._step_ms / max(elapsed_ms, 0.001)))
            self.chunk = max(SMALLEST_CHUNK, min(self._n_batch, int(self.chunk * factor)))

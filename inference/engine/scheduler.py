"""Who gets a slot, and who computes what in the next step."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator

from inference.engine.batch import Plan, Work
from inference.engine.chunk import SMALLEST_CHUNK, Chunk, whole_tiles
from inference.engine.rhythm import Rhythm
from inference.engine.sequence import Sequence

PATIENCE = 4
"""So many times its target a step may take while nobody waits for a token: llama.cpp likes large batches."""
LEAST_SHARE = 2
"""Of a prompt in a step: a single row looks like a reply's next token, and teaches a chunk nothing."""


class Scheduler:
    """Strict classes, by age inside a class; each step decodes first, then prefills within a time budget.

    Prompts are computed in chunks, taking turns, so that a long prompt delays running streams by about
    `step_ms` a token and no more. The chunk size follows the measured time of the steps it filled. While
    nobody is decoding, chunks are larger and shared out, and whoever comes or goes interrupts the step, as
    it does one of nothing but batch work.
    With `batch_pauses`, batch sequences keep their slots, but beside interactive ones only the nearest
    `batch_share` of them compute, as often as leaves chat its speed (see `Rhythm`).
    """

    def __init__(
        self,
        *,
        n_batch: int,
        tile: int,
        step_ms: float,
        flow_control: bool = False,
        batch_pauses: bool = False,
        batch_share: int = 0,
    ) -> None:
        self.running: list[Sequence] = []
        self.waiting: list[Sequence] = []
        self._n_batch = n_batch
        self._tile = tile
        self._chunk = Chunk(step_ms, most=n_batch, tile=tile)
        self._patient_chunk = Chunk(PATIENCE * step_ms, most=n_batch, tile=tile)
        self._flow_control = flow_control
        self._batch_pauses = batch_pauses
        self._batch_share = batch_share
        self._rhythm = Rhythm(most_ms=2 * step_ms)
        self._was_interrupted = False

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

    def plan(self) -> Plan:
        """The work of one step, at most `n_batch` rows; whoever was served goes to the back of the line.

        After an interrupted step comes one that cannot be, lest nothing be done at all.
        """
        ready = self._in_rhythm(self.ready())
        prefilling = [sequence for sequence in ready if sequence.pending > 1]
        prefilling.sort(key=lambda sequence: sequence.is_batch)
        room = self._n_batch - (SMALLEST_CHUNK if prefilling else 0)
        plan = [Work(sequence, 1) for sequence in ready if sequence.pending == 1][:room]
        decodes = bool(plan)
        yields = not self._was_interrupted and (not decodes or all(each.is_batch for each in ready))
        is_patient = bool(prefilling) and not decodes and yields
        self._was_interrupted = False
        chunk = self._patient_chunk if is_patient else self._chunk
        plan += self._chunks(prefilling, chunk.rows, room=self._n_batch - len(plan), beside=decodes)
        served = {work.sequence for work in plan}
        self.running.sort(key=lambda sequence: sequence in served)
        return Plan(plan, is_patient, yields)

    def interrupted(self) -> None:
        """The latest plan was not carried out to its end."""
        self._was_interrupted = True

    def observe(self, plan: Plan, elapsed_ms: float, *, chat_tokens: int) -> None:
        """Learn from a step that was carried out, and sampled so many tokens for who chats; a patient one
        tells of the others, too.
        """
        prefilled = sum(work.size for work in plan.works if work.size > 1)
        self._chunk.observe(prefilled, elapsed_ms)
        self._rhythm.observe(plan.works, elapsed_ms, chat_tokens=chat_tokens)
        if plan.is_patient:
            self._patient_chunk.observe(prefilled, elapsed_ms)

    def _chunks(self, prefilling: list[Sequence], budget: int, *, room: int, beside: bool) -> Iterator[Work]:
        """Parts of prompts: `beside` decoding sequences of the first ones, else equal shares in a class."""
        least = max(LEAST_SHARE, self._tile)
        peers = Counter(each.is_batch for each in prefilling)
        for at, sequence in enumerate(prefilling):
            share = max(min(least, budget), budget // (1 if beside else peers[sequence.is_batch]))
            size = min(sequence.pending, whole_tiles(share, self._tile, beside=beside), room)
            if size <= 0 or (at and size < min(least, sequence.pending)):
                return  # less than a tile is not worth its time
            yield Work(sequence, size)
            budget, room = budget - size, room - size
            peers[sequence.is_batch] -= 1

    def _is_parked(self, sequence: Sequence) -> bool:
        return self._flow_control and sequence.lagging

    def _in_rhythm(self, sequences: list[Sequence]) -> list[Sequence]:
        """The sequences without those of batch class, where it is not their turn; never beside a prompt of
        another class, whose first token somebody waits for.
        """
        chatting = [each for each in sequences if not each.is_batch]
        if not (self._batch_pauses and chatting):
            return sequences
        reads = any(each.pending > 1 for each in chatting)
        joins = not reads and self._rhythm.lets_join(len(chatting))
        return sequences if joins else chatting

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

"""Prompt lookup: guess that a reply goes on as the same words went on before, and check the guess for free.

The guesses are computed in the same batch as the token they follow. Each position is then drawn as ever, with
its own seed; as long as the draw equals the guess the next position's logits are right and are used as well.
So the reply is what it would have been, at any temperature. After "Prompt Lookup Decoding" by A. Saxena
(https://github.com/apoorvumang/prompt-lookup-decoding).
"""

from __future__ import annotations

from dataclasses import replace

from inference.engine.batch import Work
from inference.engine.ngrams import NO_GUESS, Guess
from inference.engine.payoff import NEEDED_GAIN, Payoff
from inference.engine.sequence import Sequence

FEW_SEQUENCES = 2
"""With more, a batch is busy enough: further rows cost about what they can save."""

LENGTH = {"cpu": 3, "gpu": 7}
"""Guesses at a time. On 2 cores a step of 1, 4 or 8 rows took 22, 34 or 70 ms, so more than 3 do not pay;
where a model fits the processor's cache even these may not, which `Payoff` finds out.
"""


def guess_length(configured: int | None, device: str) -> int:
    """How many tokens to guess at a time: as configured, else what pays on the device."""
    return LENGTH.get(device, 0) if configured is None else configured


class PromptLookup:
    """Adds guesses to a plan where that pays, and learns from how many were right and what they took."""

    def __init__(self, *, length: int, n_ctx: int) -> None:
        self.drafted = 0
        self.accepted = 0
        self._length = length
        self._n_ctx = n_ctx
        self._payoffs = {sequences: Payoff(sequences) for sequences in range(1, FEW_SEQUENCES + 1)}

    def extend(self, plan: list[Work]) -> list[Work]:
        """The plan with the guesses that make it faster, the most trusted first."""
        if not self._length or not _is_small(plan):
            return plan
        guesses = {work.sequence: self._guess(work.sequence) for work in plan}
        payoff, rows, right, gain = self._payoffs[len(plan)], len(plan), 0.0, NEEDED_GAIN
        chosen: dict[Sequence, Guess] = {}
        for sequence, guess in sorted(guesses.items(), key=_expected, reverse=True):
            more, hoped = rows + len(guess.ids), right + sequence.trust.expected(guess)
            if guess.ids and (faster := payoff.gain(more, hoped)) > gain:
                chosen[sequence], rows, right, gain = guess, more, hoped, faster
            elif guess.ids:
                sequence.trust.let_pass(guess)
        return [replace(work, draft=chosen.get(work.sequence, NO_GUESS)) for work in plan]

    def observe(self, work: Work, accepted: int) -> None:
        """Learn how many guesses of a work were right."""
        self.drafted += len(work.draft.ids)
        self.accepted += accepted
        work.sequence.trust.learn(work.draft, accepted)

    def time(self, plan: list[Work], *, drafted: int, elapsed_ms: float) -> None:
        """Learn what a step took that computed so many guesses beside the plan."""
        if self._length and _is_small(plan):
            self._payoffs[len(plan)].saw(len(plan) + drafted, elapsed_ms)

    def stop(self) -> None:
        """Never guess again: the runtime cannot take a wrong guess back."""
        self._length = 0

    def _guess(self, sequence: Sequence) -> Guess:
        room = self._n_ctx - len(sequence.ids)
        room = min(room, sequence.params.max_tokens - sequence.completion_tokens) - 1
        return sequence.ngrams.guess(sequence.ids, min(self._length, room))


def _expected(guessed: tuple[Sequence, Guess]) -> float:
    sequence, guess = guessed
    return sequence.trust.expected(guess) if guess.ids else 0.0


def _is_small(plan: list[Work]) -> bool:
    """Whether a plan only decodes, and few sequences."""
    return len(plan) <= FEW_SEQUENCES and all(work.size == 1 for work in plan)

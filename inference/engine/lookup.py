"""Prompt lookup: guess that a reply goes on as the same words went on before, and check the guess for free.

The guesses are computed in the same batch as the token they follow. Each position is then drawn as ever, with
its own seed; as long as the draw equals the guess the next position's logits are right and are used as well.
So the reply is what it would have been, at any temperature. After "Prompt Lookup Decoding" by A. Saxena
(https://github.com/apoorvumang/prompt-lookup-decoding).
"""

from __future__ import annotations

from dataclasses import replace

from inference.engine.batch import Work
from inference.engine.payoff import Payoff
from inference.engine.sequence import Sequence

FEW_SEQUENCES = 2
"""With more, a batch is busy enough: further rows cost about what they can save."""

LENGTH = {"cpu": 3, "gpu": 7}
"""Guesses at a time. On 2 cores a step of 1, 4 or 8 rows took 22, 34 or 70 ms, so more than 3 do not pay;
where a model fits the processor's cache even these may not, which `Payoff` finds out.
"""
WORTH_TRYING = 0.3
"""Below this rate of acceptance a sequence is left alone for `REST` tokens."""
REST = 32
MEMORY = 0.7


def guess_length(configured: int | None, device: str) -> int:
    """How many tokens to guess at a time: as configured, else what pays on the device."""
    return LENGTH.get(device, 0) if configured is None else configured


class PromptLookup:
    """Adds guesses to a plan where that pays, and learns from how many were right."""

    def __init__(self, *, length: int, n_ctx: int) -> None:
        self.drafted = 0
        self.accepted = 0
        self._length = length
        self._n_ctx = n_ctx
        self._payoffs = [Payoff() for _ in range(FEW_SEQUENCES + 1)]

    def extend(self, plan: list[Work]) -> list[Work]:
        """The plan with guesses, unless it is busy enough without."""
        if not self._length or not _is_small(plan) or not self._payoffs[len(plan)].may_guess:
            return plan
        return [replace(work, draft=self._guess(work.sequence)) for work in plan]

    def observe(self, work: Work, accepted: int) -> None:
        """Learn how many guesses of a work were right."""
        self.drafted += len(work.draft)
        self.accepted += accepted
        ngrams = work.sequence.ngrams
        ngrams.rate = MEMORY * ngrams.rate + (1 - MEMORY) * accepted / len(work.draft)
        if ngrams.rate < WORTH_TRYING:
            ngrams.rate = WORTH_TRYING
            ngrams.rest_until = len(work.sequence.ids) + REST

    def time(self, plan: list[Work], *, guessed: bool, tokens: int, elapsed_ms: float) -> None:
        """Learn what a step took that sampled so many tokens."""
        if self._length and _is_small(plan):
            self._payoffs[len(plan)].saw(guessed=guessed, tokens=tokens, elapsed_ms=elapsed_ms)

    def stop(self) -> None:
        """Never guess again: the runtime cannot take a wrong guess back."""
        self._length = 0

    def _guess(self, sequence: Sequence) -> tuple[int, ...]:
        size = len(sequence.ids)
        ngrams = sequence.ngrams
        if size < ngrams.rest_until:
            return ()
        room = min(self._n_ctx - size, sequence.params.max_tokens - sequence.completion_tokens) - 1
        return ngrams.guess(sequence.ids, min(self._length, room))


def _is_small(plan: list[Work]) -> bool:
    """Whether a plan only decodes, and few sequences."""
    return len(plan) <= FEW_SEQUENCES and all(work.size == 1 for work in plan)

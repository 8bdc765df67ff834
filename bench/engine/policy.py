"""What a context policy costs beside tokenising: every text has been counted before."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from statistics import median
from typing import get_args

import msgspec

from bench.engine.model import find_model
from bench.engine.parley import make_config
from bench.engine.workloads import Figures
from inference.backends import load_backend
from inference.prompt import TokenCounter, apply_policy
from inference.types.context import ContextPolicy, PolicyKind
from inference.types.prompts import PromptMessage

NUMBERS = (100, 300, 1000, 3000, 10_000)
ROUNDS = 11
SAID = "the heron stood on one leg and looked at a river that went on for a while"


def policies(repeat: int, *, numbers: Sequence[int] = NUMBERS) -> Iterator[tuple[str, Figures]]:
    """Milliseconds of each policy on conversations of so many messages, in a window of 4,096 tokens."""
    backend = load_backend(make_config(find_model("demo"), 1, 2048))
    counter = TokenCounter(backend)
    kinds: tuple[PolicyKind, ...] = get_args(PolicyKind)
    for _ in range(repeat):
        for kind in kinds:
            policy = ContextPolicy(kind=kind)
            yield kind, {f"ms at {number}": _milliseconds(policy, number, counter) for number in numbers}
    backend.close()


def _milliseconds(policy: ContextPolicy, number: int, counter: TokenCounter) -> float:
    """The median over some rounds; messages come from a frame each time, as they do to an engine."""
    frame = msgspec.msgpack.encode(conversation(number))
    taken = []
    for _ in range(ROUNDS):
        messages = msgspec.msgpack.decode(frame, type=list[PromptMessage])
        started_at = time.perf_counter()
        apply_policy(messages, policy, counter.count, room=4096, overhead=4)
        taken.append(1000 * (time.perf_counter() - started_at))
    return median(taken[1:])  # the first one tokenises


def conversation(number: int) -> list[PromptMessage]:
    """A system prompt, then questions of a sentence and answers of four."""
    draw, words = random.Random(number), SAID.split()

    def sentences(count: int) -> str:
        return " ".join(f"{' '.join(draw.choices(words, k=10))}." for _ in range(count))

    turns = cycle([("user", 1), ("assistant", 4)])
    said = [PromptMessage(role=role, content=sentences(count)) for role, count in islice(turns, number)]  # type: ignore[arg-type]
    return [PromptMessage(role="system", content=sentences(3)), *said]

"""The offline checker: what readers recorded, what the database kept, and what had to be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from inference.backends.paced.oracle import expected_text
from tests.support.chat_client import TERMINAL, Timed
from tests.support.faults.stored import StoredReply

Oracle = Callable[[Sequence[int], int], str]


@dataclass
class Turn:
    """One question and everything that was read about its reply, over however many connections.

    `expects` is the status in which the generation must end.
    """

    request_id: str
    session_id: str
    content: str
    max_tokens: int
    asked_at: float
    expects: str = "succeeded"
    generation_id: str = ""
    heard: list[Timed] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def deltas(self) -> list[Timed]:
        """The deltas, as they came."""
        return [timed for timed in self.heard if timed.frame["type"] == "delta"]

    @property
    def last_seq(self) -> int:
        """Number of the newest chunk; -1 before the first."""
        return self.deltas[-1].frame["seq"] if self.deltas else -1

    @property
    def text(self) -> str:
        """What a person has read."""
        return "".join(timed.frame["text"] for timed in self.deltas)

    @property
    def end(self) -> dict[str, Any] | None:
        """The terminal frame, if it was the last thing heard."""
        last = self.heard[-1].frame if self.heard else {"type": ""}
        return last if last["type"] in TERMINAL else None

    @property
    def workers(self) -> list[str]:
        """Who ran its attempts, as far as was told."""
        started = [timed.frame for timed in self.heard if timed.frame["type"] == "generation_started"]
        return [frame["worker"] for frame in started]


def find_violations(
    turns: Sequence[Turn], stored: Mapping[str, StoredReply], oracle: Oracle | None = expected_text
) -> list[str]:
    """Every broken promise, as a sentence; an empty list is the proof. Without an oracle any text will do."""
    known = {turn.generation_id for turn in turns}
    problems = [f"{id_}: a reply nobody asked for" for id_ in stored if id_ not in known]
    repeated = Counter(turn.generation_id for turn in turns if turn.generation_id)
    problems += [f"{id_}: one reply for {count} questions" for id_, count in repeated.items() if count > 1]
    for turn in turns:
        name = turn.generation_id or turn.request_id
        problems += [
            f"{name}: {problem}" for problem in _problems(turn, stored.get(turn.generation_id), oracle)
        ]
    return problems


def _problems(turn: Turn, stored: StoredReply | None, oracle: Oracle | None) -> Iterable[str]:
    if stored is None:
        yield "never stored"
        return
    yield from _of_reader(turn, stored)
    yield from _of_row(turn, stored)
    if oracle and stored.content != oracle(stored.prompt_ids, stored.completion_tokens):
        yield "says something else than the oracle"
    yield from _of_fence(stored)


def _of_reader(turn: Turn, stored: StoredReply) -> Iterable[str]:
    seqs = [timed.frame["seq"] for timed in turn.deltas]
    if seqs != list(range(len(seqs))):
        yield f"chunks lost, repeated or reordered: {seqs}"
    committed = {chunk.seq: chunk.text for chunk in stored.chunks}
    for timed in turn.deltas:
        seq, text = timed.frame["seq"], timed.frame["text"]
        if committed.get(seq) != text:
            yield f"chunk {seq} was read as {text!r} and stored as {committed.get(seq)!r}"
    if turn.end is None:
        yield f"never ended for its reader, after {len(seqs)} chunks"
    elif turn.text != stored.content:
        yield f"{len(turn.text)} characters were read and {len(stored.content)} stored"
    if turn.end is not None and turn.end.get("last_seq", turn.last_seq) != turn.last_seq:
        yield f"ended at chunk {turn.end['last_seq']}, read up to {turn.last_seq}"


def _of_row(turn: Turn, stored: StoredReply) -> Iterable[str]:
    if stored.status != turn.expects:
        yield f"is {stored.status} ({stored.error_code or 'no error'}), expected {turn.expects}"
        return
    chunks = "".join(chunk.text for chunk in sorted(stored.chunks, key=lambda chunk: chunk.seq))
    if chunks != stored.content:
        yield f"its chunks say {len(chunks)} characters, its message {len(stored.content)}"
    tokens = sum(chunk.tokens for chunk in stored.chunks)
    if tokens != stored.completion_tokens:
        yield f"its chunks hold {tokens} tokens, its row counts {stored.completion_tokens}"
    if turn.expects == "succeeded" and stored.completion_tokens != turn.max_tokens:
        yield f"has {stored.completion_tokens} tokens instead of {turn.max_tokens}"


def _of_fence(stored: StoredReply) -> Iterable[str]:
    """Chunks in the order of their insertion: an older attempt must not write after a newer one."""
    for before, after in pairwise(stored.chunks):
        if after.seq != before.seq + 1:
            yield f"chunk {after.seq} was inserted after chunk {before.seq}"
        if after.attempt < before.attempt:
            yield f"attempt {after.attempt} wrote chunk {after.seq} after attempt {before.attempt} had begun"
    if stored.chunks and stored.chunks[-1].attempt > stored.attempt:
        yield f"a chunk of attempt {stored.chunks[-1].attempt}, but the row is at {stored.attempt}"

"""The checker itself: each broken promise is found, and a good history is not blamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inference.backends.paced.oracle import expected_text
from tests.support.chat_client import Timed
from tests.support.faults.history import Turn, find_violations
from tests.support.faults.stored import StoredChunk, StoredReply

PROMPT = [72, 105]
WORDS = expected_text(PROMPT, 4).split(" ")
PIECES = [f"{word} " for word in WORDS[:4]]


def delta(seq: int, text: str | None = None) -> Timed:
    return Timed(seq, {"type": "delta", "seq": seq, "text": PIECES[seq] if text is None else text})


def finished(last_seq: int = 3) -> Timed:
    return Timed(9, {"type": "generation_finished", "last_seq": last_seq})


def make_turn(*heard: Timed) -> Turn:
    turn = Turn("r", "s", "Hi", 4, 0.0, generation_id="g")
    turn.heard = list(heard) or [*map(delta, range(4)), finished()]
    return turn


def make_stored(**changes: Any) -> StoredReply:
    chunks = [StoredChunk(seq, 1 + seq // 2, PIECES[seq], 1) for seq in range(4)]
    content = "".join(PIECES)
    good = StoredReply("g", "s", "succeeded", 2, 4, PROMPT, "", content, "complete", chunks)
    return replace(good, **changes)


def test_a_good_history_has_no_violation() -> None:
    assert find_violations([make_turn()], {"g": make_stored()}) == []


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ([delta(0), delta(2), delta(3), finished()], "lost, repeated or reordered"),
        ([delta(0), delta(0), delta(1), delta(2), delta(3), finished()], "lost, repeated or reordered"),
        ([delta(0), delta(2), delta(1), delta(3), finished()], "lost, repeated or reordered"),
        ([delta(0), delta(1, "x"), delta(2), delta(3), finished()], "was read as 'x'"),
        ([delta(0), delta(1), delta(2), delta(3)], "never ended"),
        ([delta(0), delta(1), delta(2), finished(2)], "characters were read"),
        ([delta(0), delta(1), delta(2), delta(3), finished(4)], "ended at chunk 4"),
    ],
)
def test_what_a_reader_must_not_see(heard: list[Timed], words: str) -> None:
    assert any(words in problem for problem in find_violations([make_turn(*heard)], {"g": make_stored()}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "running"}, "is running"),
        ({"status": "failed", "error_code": "x"}, "is failed (x)"),
        ({"completion_tokens": 3}, "instead of 4"),
        ({"chunks": make_stored().chunks[:3]}, "its message"),
        ({"attempt": 1}, "a chunk of attempt 2"),
        ({"prompt_ids": [1]}, "oracle"),
        ({"chunks": [make_stored().chunks[i] for i in (0, 2, 1, 3)]}, "after attempt 2 had begun"),
    ],
)
def test_what_the_database_must_not_hold(changes: dict[str, Any], words: str) -> None:
    problems = find_violations([make_turn()], {"g": make_stored(**changes)})
    assert any(words in problem for problem in problems)


def test_every_question_has_one_reply_and_no_other_exists() -> None:
    assert find_violations([make_turn()], {}) == ["g: never stored"]
    twice = find_violations([make_turn(), make_turn()], {"g": make_stored()})
    assert twice == ["g: one reply for 2 questions"]
    assert find_violations([], {"g": make_stored()}) == ["g: a reply nobody asked for"]

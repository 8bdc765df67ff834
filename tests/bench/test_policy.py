"""The benchmark of context policies takes a figure for each policy and length."""

from __future__ import annotations

from bench.engine.policy import conversation, policies


def test_every_policy_is_taken_at_every_length() -> None:
    taken = dict(policies(1, numbers=(5, 9)))
    assert set(taken) == {"keep_all", "last_turns", "sliding_window", "compress"}
    assert all(set(figures) == {"ms at 5", "ms at 9"} for figures in taken.values())


def test_a_conversation_is_the_same_each_time() -> None:
    assert conversation(6) == conversation(6)
    assert [message.role for message in conversation(3)] == ["system", "user", "assistant", "user"]

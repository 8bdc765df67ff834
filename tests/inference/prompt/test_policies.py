"""Context policies keep what they promise, to the token, the same every time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.llama.backend import LlamaBackend
from inference.prompt import TokenCounter, apply_policy
from inference.prompt.compression import MARK, compress
from inference.types.context import ContextPolicy, Dropped
from inference.types.prompts import PromptMessage, SpeakerRole


def words(text: str) -> int:
    """A tokenizer for tests: a token is a word."""
    return len(text.split())


def talk(*turns: str) -> list[PromptMessage]:
    """`s:`, `u:` and `a:` messages."""
    roles: dict[str, SpeakerRole] = {"s": "system", "u": "user", "a": "assistant"}
    return [PromptMessage(role=roles[turn[0]], content=turn[2:]) for turn in turns]


def contents(messages: list[PromptMessage]) -> list[str]:
    return [message.content for message in messages]


LONG = talk("s:be kind", *(f"{'ua'[at % 2]}:m{at} two three four" for at in range(9)))

CONVERSATIONS = st.lists(
    st.builds(
        PromptMessage,
        role=st.sampled_from(["system", "user", "assistant"]),
        content=st.lists(st.sampled_from(["a", "bb.", "ccc!", "\n", "d?"]), max_size=12).map(" ".join),
    ),
    max_size=12,
)
POLICIES = st.builds(
    ContextPolicy,
    kind=st.sampled_from(["keep_all", "last_turns", "sliding_window", "compress"]),
    turns=st.integers(1, 5),
    retain_tokens=st.integers(0, 60),
    compression_ratio=st.floats(0.01, 1),
)


def test_keep_all_keeps_all() -> None:
    chosen = apply_policy(LONG, ContextPolicy(), words, room=1)
    assert chosen.messages == LONG
    assert chosen.dropped == Dropped()


def test_the_last_turns_begin_with_their_users_message() -> None:
    chosen = apply_policy(LONG, ContextPolicy(kind="last_turns", turns=2), words, room=1)
    assert [text.split()[0] for text in contents(chosen.messages)] == ["be", "m6", "m7", "m8"]
    assert chosen.dropped == Dropped(messages=6, tokens=24)
    few = apply_policy(LONG, ContextPolicy(kind="last_turns", turns=99), words, room=1)
    assert few.messages == LONG


def test_a_conversation_that_fits_is_left_alone() -> None:
    for kind in ("sliding_window", "compress"):
        policy = ContextPolicy(kind=kind, retain_tokens=0)
        assert apply_policy(LONG, policy, words, room=2 + 9 * 4).messages == LONG


def test_a_full_window_is_cut_back_to_what_is_retained_and_fills_again() -> None:
    policy = ContextPolicy(kind="sliding_window", retain_tokens=12)
    longer = [*LONG, *talk("a:m9 two three four", "u:m10 two three four")]
    firsts = []
    for length in range(2, len(longer) + 1):
        chosen = apply_policy(longer[:length], policy, words, room=22)
        assert chosen.messages[0] == longer[0]
        firsts.append(chosen.messages[1].content.split()[0])
    assert firsts == ["m0"] * 5 + ["m4"] * 4 + ["m8"] * 2


def test_the_template_counts() -> None:
    policy = ContextPolicy(kind="sliding_window", retain_tokens=20)
    assert apply_policy(LONG, policy, words, room=38).dropped == Dropped()
    chosen = apply_policy(LONG, policy, words, room=38, overhead=1)
    assert chosen.dropped.tokens == 5 * chosen.dropped.messages > 0


def test_old_messages_are_shortened_before_they_are_dropped() -> None:
    old = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    talked = talk("s:be kind", f"u:{old}", f"a:{old}", "u:and now what is it to be then")
    policy = ContextPolicy(kind="compress", retain_tokens=4, compression_ratio=0.4)
    chosen = apply_policy(talked, policy, words, room=21)
    short = "One two three. […]"
    assert contents(chosen.messages) == ["be kind", short, short, talked[-1].content]
    assert chosen.dropped == Dropped(compressed=2, tokens=16)
    longer = ContextPolicy(kind="compress", retain_tokens=4, compression_ratio=0.6)
    chosen = apply_policy(talked, longer, words, room=21)
    assert contents(chosen.messages)[1:-1] == [f"One two three.{MARK}Ten eleven twelve."]
    assert chosen.dropped == Dropped(messages=1, compressed=1, tokens=17)


@pytest.mark.parametrize(
    ("text", "budget", "expected"),
    [
        ("One. Two.", 2, "One. Two."),
        ("One. Two. Three. Four.", 3, f"One.{MARK}Four."),
        ("one two three four five", 3, "one two […]"),
        ("one two three", 0, ""),
        ("", 0, ""),
        ("One. two three four five six seven.", 4, "One. two three […]"),
    ],
)
def test_a_text_loses_its_middle(text: str, budget: int, expected: str) -> None:
    assert compress(text, budget, words) == expected


@given(text=st.text(alphabet="ab .!\n。", max_size=80), budget=st.integers(0, 30))
def test_a_shortened_text_fits(text: str, budget: int) -> None:
    short = compress(text, budget, words)
    assert words(short) <= budget
    if words(text) <= budget:
        assert short == text


@given(messages=CONVERSATIONS, policy=POLICIES, room=st.integers(1, 60), overhead=st.integers(0, 3))
def test_what_every_policy_promises(
    messages: list[PromptMessage], policy: ContextPolicy, room: int, overhead: int
) -> None:
    chosen = apply_policy(messages, policy, words, room=room, overhead=overhead)
    assert chosen == apply_policy(messages, policy, words, room=room, overhead=overhead)

    def size(some: list[PromptMessage]) -> int:
        return sum(words(message.content) + overhead for message in some)

    assert chosen.dropped.tokens == size(messages) - size(chosen.messages)
    assert chosen.dropped.messages == len(messages) - len(chosen.messages)
    assert [m for m in chosen.messages if m.role == "system"] == [m for m in messages if m.role == "system"]
    if messages and (policy.kind != "last_turns"):
        assert chosen.messages[-1] == messages[-1]
    spoken = [m for m in messages if m.role != "system"]
    unavoidable = [m for m in messages if m.role == "system"] + spoken[-1:]
    if policy.kind in ("sliding_window", "compress") and size(unavoidable) <= room:
        assert size(chosen.messages) <= room
    if policy.kind == "last_turns":
        assert [m.role for m in chosen.messages].count("user") <= policy.turns


@pytest.mark.parametrize("kind", ["last_turns", "sliding_window", "compress"])
def test_the_work_grows_with_the_messages_and_no_faster(llama: LlamaBackend, kind: str) -> None:
    def count_calls(number: int) -> int:
        messages = [
            PromptMessage(role="user" if at % 2 == 0 else "assistant", content=f"Message {at}. It is short.")
            for at in range(number)
        ]
        calls: list[str] = []
        policy = ContextPolicy(kind=kind, retain_tokens=2048)  # type: ignore[arg-type]
        counter = TokenCounter(llama)

        def count(text: str) -> int:
            calls.append(text)
            return counter.count(text)

        apply_policy(messages, policy, count, room=4096)
        return len(calls)

    small, large = count_calls(500), count_calls(1000)
    assert 0 < large <= 2.2 * small

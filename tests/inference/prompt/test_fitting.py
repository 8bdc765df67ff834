"""A long conversation becomes a prompt that fits, with room for the reply, and tells what it left out."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends.llama.backend import LlamaBackend
from inference.prompt import PromptMaker, TokenCounter, fitting
from inference.prompt.prepare import prepare_prompt
from inference.types.context import ContextPolicy, Dropped, PolicyKind
from inference.types.errors import InferenceError
from inference.types.prompts import PromptMessage

SHORT = [PromptMessage(role="user", content="hello")]


def talk(turns: int) -> list[PromptMessage]:
    said = [
        PromptMessage(role="user" if at % 2 == 0 else "assistant", content=f"This is message number {at}.")
        for at in range(2 * turns - 1)
    ]
    return [PromptMessage(role="system", content="Be kind."), *said]


def test_what_fits_is_prepared_as_ever(llama: LlamaBackend) -> None:
    plain = prepare_prompt(llama, SHORT, "", llama.n_ctx)
    for kind in ("keep_all", "last_turns", "sliding_window", "compress"):
        policy = ContextPolicy(kind=kind, reply_tokens=1000)
        assert PromptMaker(llama, llama.n_ctx).prepare(SHORT, "", policy) == plain


def test_keep_all_refuses_what_is_longer_than_the_window_that_was_asked_for(llama: LlamaBackend) -> None:
    maker = PromptMaker(llama, llama.n_ctx)
    size = len(prepare_prompt(llama, talk(2), "", llama.n_ctx).token_ids)
    assert maker.prepare(talk(2), "", ContextPolicy(window=size + 1)).dropped == Dropped()
    with pytest.raises(InferenceError, match=f"window is {size}"):
        maker.prepare(talk(2), "", ContextPolicy(window=size))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turns=st.integers(1, 12),
    kind=st.sampled_from(["sliding_window", "compress"]),
    window=st.integers(200, 400),
    reply=st.integers(0, 300),
    template=st.sampled_from(["", "plain", "alpaca"]),
)
def test_a_prompt_of_any_conversation_leaves_room_for_the_reply(
    llama: LlamaBackend, turns: int, kind: PolicyKind, window: int, reply: int, template: str
) -> None:
    policy = ContextPolicy(kind=kind, window=window, reply_tokens=reply, retain_tokens=60)
    prompt = PromptMaker(llama, llama.n_ctx).prepare(talk(turns), template, policy)
    window = min(window, llama.n_ctx)
    assert len(prompt.token_ids) <= window - min(reply, window // 4)
    whole = prepare_prompt(llama, talk(turns), template, 10_000)
    left_out = prompt.dropped.messages + prompt.dropped.compressed
    assert (prompt.token_ids == whole.token_ids) == (left_out == 0)


def test_what_is_always_kept_may_be_too_long(llama: LlamaBackend) -> None:
    long = [PromptMessage(role="user", content="word " * 400)]
    with pytest.raises(InferenceError, match="Shorten it"):
        PromptMaker(llama, llama.n_ctx).prepare(long, "", ContextPolicy(kind="sliding_window"))


def test_with_a_shift_the_system_prompt_is_what_is_kept(llama: LlamaBackend) -> None:
    maker = PromptMaker(llama, llama.n_ctx)
    shifting = ContextPolicy(shift=True)
    prompt = maker.prepare(talk(3), "", shifting)
    kept = b"".join(map(llama.spelling, prompt.token_ids[: prompt.kept])).decode()
    assert kept == "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n"
    bare = maker.prepare(SHORT, "", shifting)
    assert b"".join(map(llama.spelling, bare.token_ids[: bare.kept])) == b"<|im_start|>user\n"
    assert maker.prepare(talk(3), "").kept == 0


def test_with_a_shift_what_is_written_may_be_longer_than_the_window(llama: LlamaBackend) -> None:
    maker = PromptMaker(llama, llama.n_ctx)
    written = "hello " * llama.n_ctx
    with pytest.raises(InferenceError, match="window"):
        maker.prepare(SHORT, "", written=written)
    prompt = maker.prepare(SHORT, "", ContextPolicy(shift=True), written=written)
    assert len(prompt.written_ids) > llama.n_ctx


def test_counts_are_the_models_own_and_are_remembered(
    llama: LlamaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = TokenCounter(llama)
    assert counter.count("<|im_end|>") > 1
    assert counter.count("") == 0
    assert counter.count("日本") == len(llama.tokenize("日本"))
    size = len(llama.tokenize("日本"))
    monkeypatch.setattr(llama, "tokenize", lambda text: [])
    assert (counter.count("日本"), counter.count("日本語")) == (size, 0)


def test_no_more_counts_are_remembered_than_are_allowed(
    llama: LlamaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "CACHED_COUNTS", 3)
    counter = TokenCounter(llama)
    for number in range(10):
        counter.count(str(number))
    assert len(counter._known) == 3

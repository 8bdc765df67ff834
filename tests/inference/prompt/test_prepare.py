"""Messages to prompt tokens with real tokenizers."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends.base import SEPARATOR
from inference.backends.llama.backend import LlamaBackend
from inference.backends.paced.backend import PacedBackend
from inference.prompt import BUILTIN, prepare_prompt
from inference.types.errors import InferenceError
from inference.types.prompts import PromptMessage
from tests.support.engine import paced_config

HUGE = "{% set x = namespace(a='ab c' * 2000000) %}{{ x.a }}"
LONG = "{% for a in range(90000) %}{{ 'ab c' }}{% endfor %}"


def ask(content: str) -> list[PromptMessage]:
    return [PromptMessage(role="user", content=content)]


def test_rendered_tokenised_and_with_its_stop_strings(llama: LlamaBackend) -> None:
    prepared = prepare_prompt(llama, ask("hello"), "", llama.n_ctx)
    assert prepared.stop == ()
    text = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    assert prepared.token_ids == llama.tokenize(text)
    assert prepare_prompt(llama, ask("hello"), "plain", llama.n_ctx).stop == BUILTIN["plain"].stop


def test_the_template_writes_bos_once(llama: LlamaBackend) -> None:
    prepared = prepare_prompt(llama, ask("hello"), "llama", llama.n_ctx)
    assert prepared.token_ids.count(llama.tokenize("<|endoftext|>")[0]) == 1


def test_paced_needs_no_model() -> None:
    backend = PacedBackend(paced_config())
    prepared = prepare_prompt(backend, ask("hello"), "", 4096)
    assert bytes(prepared.token_ids).decode() == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    assert prepared.stop == ("<|im_end|>",)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["<|im_start|>", "<|im_end|>", "<|", "<", "im_end", "|>", "x", "\ufdd0", "<|endoftext|>"]
        ),
        max_size=8,
    ).map("".join)
)
def test_typed_control_tokens_stay_text(llama: LlamaBackend, content: str) -> None:
    clean = prepare_prompt(llama, ask("x"), "", llama.n_ctx).token_ids
    typed = prepare_prompt(llama, ask(content), "", llama.n_ctx).token_ids
    control = {llama.tokenize(text)[0] for text in llama.control_texts}
    assert [id_ for id_ in typed if id_ in control] == [id_ for id_ in clean if id_ in control]
    text = b"".join(map(llama.piece, typed)).decode()
    assert text == f"user\n{content.replace(SEPARATOR, chr(0xFFFD))}\nassistant\n"


def test_a_conversation_that_fills_the_window_is_refused_with_its_size(llama: LlamaBackend) -> None:
    size = len(prepare_prompt(llama, ask("hello"), "", 4096).token_ids)
    assert prepare_prompt(llama, ask("hello"), "", size + 1).token_ids
    with pytest.raises(
        InferenceError, match=f"{size} tokens long, but the model's window is {size}"
    ) as caught:
        prepare_prompt(llama, ask("hello"), "", size)
    assert caught.value.code == "context_length_exceeded"


def test_no_token_stands_for_more_bytes_than_the_longest_piece(llama: LlamaBackend) -> None:
    spelled = [*map(llama.piece, range(llama.n_vocab)), *(text.encode() for text in llama.control_texts)]
    assert llama.longest_piece == max(map(len, spelled))
    assert PacedBackend(paced_config()).longest_piece == 1


@pytest.mark.parametrize(
    ("content", "template"),
    [("hello " * 100_000, ""), ("hello " * 100_000, "{{ messages[0].content ~ '!' }}"), ("hello", LONG)],
)
def test_what_cannot_fit_is_refused_before_it_is_tokenised(
    llama: LlamaBackend, monkeypatch: pytest.MonkeyPatch, content: str, template: str
) -> None:
    monkeypatch.setattr(llama, "tokenize", lambda text: pytest.fail("that takes long"))
    with pytest.raises(InferenceError, match=r"is at least \d+ tokens long, but the") as caught:
        prepare_prompt(llama, ask(content), template, llama.n_ctx)
    assert caught.value.code == "context_length_exceeded"


def test_a_template_may_not_build_what_no_prompt_of_the_window_needs(llama: LlamaBackend) -> None:
    with pytest.raises(InferenceError, match="result is too long") as caught:
        prepare_prompt(llama, ask("hello"), HUGE, llama.n_ctx)
    assert caught.value.code == "chat_template_error"


def test_a_template_may_shorten_a_conversation_to_what_fits(llama: LlamaBackend) -> None:
    template = "{{ (messages[0].content ~ '.').split('</think>')[-1] }}"
    prepared = prepare_prompt(llama, ask("x" * 1_000_000 + "</think>hello"), template, llama.n_ctx)
    assert prepared.token_ids == llama.tokenize("hello.")


def test_separators_count_for_nothing(llama: LlamaBackend) -> None:
    content = "<|im_end|>" * 8
    typed = prepare_prompt(llama, ask(content), "", llama.n_ctx).token_ids
    assert prepare_prompt(llama, ask(content), "", len(typed) + 1).token_ids == typed


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_characters="\0\ufdd0", exclude_categories=["Cs"]), min_size=1, max_size=60)
)
def test_what_another_model_wrote_is_said_again_exactly(llama: LlamaBackend, written: str) -> None:
    prepared = prepare_prompt(llama, ask("hello"), "", llama.n_ctx, written=f"{written}<|im_end|>")
    said = b"".join(map(llama.piece, prepared.written_ids)).decode()
    assert said == f"{written}<|im_end|>"
    assert prepared.token_ids == prepare_prompt(llama, ask("hello"), "", llama.n_ctx).token_ids


class Spacing(PacedBackend):
    """Begins every text with a space, as SentencePiece does."""

    def tokenize(self, text: str) -> list[int]:
        parts = [part.removeprefix(" ") for part in text.split(SEPARATOR)]
        return list("".join(f" {part}" for part in parts).encode())


def test_a_tokenizer_that_begins_with_a_space_sees_the_prompt_before() -> None:
    backend = Spacing(paced_config())
    prepared = prepare_prompt(backend, ask("hello"), "", 4096, written="word")
    assert bytes(prepared.written_ids) == b"word"
    backend.tokenize = lambda text: [len(text)]  # type: ignore[method-assign]
    with pytest.raises(InferenceError) as caught:
        prepare_prompt(backend, ask("hello"), "", 4096, written="word")
    assert (caught.value.code, caught.value.retryable) == ("model_changed", True)

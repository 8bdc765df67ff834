"""Text as llama.cpp's tokens, and back."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends.base import SEPARATOR
from inference.backends.llama.backend import LlamaBackend


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_survives_tokenising(llama: LlamaBackend, text: str) -> None:
    raw = b"".join(map(llama.piece, llama.tokenize(text)))
    for control in llama.control_texts:
        text = text.replace(control, "")
    assert raw.decode() == text.replace(SEPARATOR, "")


def test_control_tokens_have_no_text_and_cannot_be_typed_through_a_separator(llama: LlamaBackend) -> None:
    (end,) = llama.tokenize("<|im_end|>")
    assert llama._text(-1) == ""
    assert llama.piece(end) == b""
    assert llama.is_end(end)
    typed = llama.tokenize(f"<{SEPARATOR}|im_end|>")
    assert not any(map(llama.is_end, typed))
    assert b"".join(map(llama.piece, typed)) == b"<|im_end|>"


def test_a_long_piece_is_read_whole(tmp_path: Path, llama: LlamaBackend) -> None:
    assert llama._read_piece(llama.tokenize("hello")[0], 1) == b"hello"

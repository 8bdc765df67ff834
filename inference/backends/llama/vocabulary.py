"""Text as a model's tokens, and back. Safe from any thread."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp

from inference.backends.base import SEPARATOR


class LlamaVocabulary:
    """See `inference.backends.base.Tokenizer`."""

    def __init__(self, model: Any) -> None:
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._pieces: dict[int, bytes] = {}
        self.n_vocab: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self.chat_template = _chat_template(model)
        self.bos_text = self._text(llama_cpp.llama_vocab_bos(self._vocab))
        self.eos_text = self._text(llama_cpp.llama_vocab_eos(self._vocab))
        control = filter(self._is_control, range(self.n_vocab))
        self.control_texts = tuple(text for text in map(self._text, control) if len(text) > 1)
        self.longest_piece = max(map(self._spelled_size, range(self.n_vocab)))

    def tokenize(self, text: str) -> list[int]:
        """See the protocol. A BOS that the template wrote is not added again."""
        ids = [token_id for part in text.split(SEPARATOR) for token_id in self._tokenize(part)]
        bos = llama_cpp.llama_vocab_bos(self._vocab)
        if llama_cpp.llama_vocab_get_add_bos(self._vocab) and ids[:1] != [bos]:
            ids.insert(0, bos)
        return ids

    def tokenize_input(self, text: str) -> list[int]:
        """As the model's own tokenizer frames a text, typed control tokens being text."""
        return self._tokenize(text, add_special=True, parse_special=False)

    def piece(self, token_id: int) -> bytes:
        """The raw bytes of one token; empty for control tokens."""
        if token_id not in self._pieces:
            self._pieces[token_id] = self._read_piece(token_id, 32)
        return self._pieces[token_id]

    def _tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = True) -> list[int]:
        raw = text.encode("utf-8", "replace")
        size = len(raw) + 8
        ids = (llama_cpp.llama_token * size)()
        count: int = llama_cpp.llama_tokenize(
            self._vocab, raw, len(raw), ids, size, add_special, parse_special
        )
        return list(ids[:count])

    def _read_piece(self, token_id: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        length: int = llama_cpp.llama_token_to_piece(self._vocab, token_id, buffer, size, 0, False)
        return buffer.raw[:length] if length >= 0 else self._read_piece(token_id, -length)

    def _spelled_size(self, token_id: int) -> int:
        """Bytes of a token's text, a control token's too: llama.cpp says how many a buffer of none lacks."""
        return abs(int(llama_cpp.llama_token_to_piece(self._vocab, token_id, None, 0, 0, True)))

    def _text(self, token_id: int) -> str:
        if token_id < 0:
            return ""
        text: bytes = llama_cpp.llama_vocab_get_text(self._vocab, token_id)
        return text.decode("utf-8", "replace")

    def _is_control(self, token_id: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_control(self._vocab, token_id))


def _chat_template(model: Any) -> str | None:
    template: bytes | None = llama_cpp.llama_model_chat_template(model, None)
    return template.decode("utf-8", "replace") if template else None

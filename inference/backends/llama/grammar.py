"""A reply's grammar, in llama.cpp, which aborts the process when it is told a token that it refuses.

Lazy grammars are done here instead of with `llama_sampler_init_grammar_lazy_patterns`: that one lets the
token that completes the trigger say anything behind it, and aborts when the grammar does not like that.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import llama_cpp
import numpy as np

from inference.backends.llama.candidates import Candidates
from inference.grammars.gbnf import check_gbnf, invalid_grammar
from inference.types.errors import InferenceError

MAX_TOKEN_S = 0.25
"""Processor time for one token. An ambiguous grammar doubles its work with every character."""


class Spelling(Protocol):
    """What a grammar needs to know of its model."""

    vocab: Any

    def spelling(self, token_id: int) -> bytes:
        """The bytes of a token."""


class Grammar:
    """Knows which token may be next. With a trigger every token may, until the reply has said that."""

    def __init__(self, model: Spelling, gbnf: str, trigger: str = "") -> None:
        check_gbnf(gbnf)
        self._model = model
        self._trigger = trigger.encode("utf-8", "replace")
        self._said = b""
        self._refused: list[int] = []
        self._one = Candidates(1)
        self._sampler = llama_cpp.llama_sampler_init_grammar(
            model.vocab, gbnf.encode("utf-8", "replace"), b"root"
        )
        if not self._sampler:
            raise invalid_grammar("llama.cpp cannot read it")

    def allows(self, token_id: int) -> bool:
        """Whether the token may be next. One refused before the trigger is remembered for `mask`."""
        if self._trigger:
            if not self._overshoots(token_id):
                return True
            self._refused.append(token_id)
            return False
        self._one.load(np.zeros(1, np.float32))
        self._one.ids[0] = token_id
        self._one.apply(self._sampler)
        return bool(self._one.logits[0] == 0)

    def mask(self, candidates: Candidates) -> None:
        """Leave only what may be next. Right after `Candidates.load`."""
        if self._trigger:
            candidates.exclude(np.array(self._refused, np.int32))
        else:
            candidates.penalise(self._sampler)

    def accept(self, token_id: int) -> None:
        """Take note of a token of the reply. Raises `InferenceError` for one that must not be there."""
        started = time.thread_time()
        if not self.allows(token_id):
            raise InferenceError("invalid_request", "The reply so far does not follow the grammar.")
        self._refused.clear()
        if self._trigger:
            self._listen(token_id)
            return
        llama_cpp.llama_sampler_accept(self._sampler, token_id)
        if time.thread_time() - started > MAX_TOKEN_S:
            raise InferenceError(
                "grammar_too_complex", "The grammar is too ambiguous to be followed in time."
            )

    def close(self) -> None:
        """Free native memory. Safe to call twice."""
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None

    def _overshoots(self, token_id: int) -> bool:
        """Whether the trigger would be complete before the token is."""
        said = self._said + self._model.spelling(token_id)
        at = said.find(self._trigger)
        return 0 <= at < len(said) - len(self._trigger)

    def _listen(self, token_id: int) -> None:
        said = self._said + self._model.spelling(token_id)
        if said.endswith(self._trigger):
            self._trigger = b""
        self._said = said[-max(0, len(self._trigger) - 1) :] if len(self._trigger) > 1 else b""

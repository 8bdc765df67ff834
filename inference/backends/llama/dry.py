"""DRY samplers. To make one llama.cpp spells out its whole vocabulary for each sequence breaker, on the
engine's own thread; so those that were made are kept, without what any reply said, and cloned.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import llama_cpp

from inference.types.sampling import SamplingParams

KEPT = 16


class _Settings(NamedTuple):
    multiplier: float
    base: float
    allowed_length: int
    penalty_last_n: int
    breakers: tuple[str, ...]


class DrySamplers:
    """The DRY samplers of one model. Engine's loop thread only."""

    def __init__(self, vocab: Any) -> None:
        self._vocab = vocab
        self._prepared: dict[_Settings, Any] = {}  # the least recently used first

    def make(self, params: SamplingParams) -> Any:
        """A sampler that belongs to the caller."""
        settings = _Settings(
            params.dry_multiplier,
            params.dry_base,
            params.dry_allowed_length,
            params.dry_penalty_last_n,
            params.dry_sequence_breakers,
        )
        prepared = self._prepared.pop(settings, None) or self._prepare(settings)
        self._prepared[settings] = prepared
        if len(self._prepared) > KEPT:
            llama_cpp.llama_sampler_free(self._prepared.pop(next(iter(self._prepared))))
        return llama_cpp.llama_sampler_clone(prepared)

    def close(self) -> None:
        """Free what is kept. Safe to call twice."""
        while self._prepared:
            llama_cpp.llama_sampler_free(self._prepared.popitem()[1])

    def _prepare(self, settings: _Settings) -> Any:
        breakers = [text.encode("utf-8", "replace") for text in settings.breakers]
        return llama_cpp.llama_sampler_init_dry(
            self._vocab,
            *settings[:-1],
            (ctypes.c_char_p * len(breakers))(*breakers),
            len(breakers),
        )

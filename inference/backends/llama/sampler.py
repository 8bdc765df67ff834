"""How llama.cpp's samplers choose one sequence's tokens.

The order is llama.cpp's own: bias, penalties, DRY, top-n-sigma, top_k, typical_p, top_p, min_p, XTC,
temperature, draw. A grammar is asked about the choice, and only when it refuses that, applied to everything
and the choice repeated: the same result for a greedy choice, and far cheaper than to ask about a whole
vocabulary for each token. No token that a grammar refuses is ever accepted: llama.cpp would abort.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp
import numpy as np

from inference.backends.llama.candidates import NOTHING, Candidates, Ids, Logits
from inference.backends.llama.dry import DrySamplers
from inference.backends.llama.grammar import Grammar
from inference.backends.llama.mirostat import Mirostat
from inference.backends.llama.schema import schema_to_gbnf, schemas_to_rules
from inference.types.errors import InferenceError
from inference.types.sampling import SamplingParams

_SEED_MASK = 0x7FFFFFFF  # 0xFFFFFFFF would mean a random seed to llama.cpp
_MAX_REDRAWS = 16


class SamplerKit:
    """What the samplers of one model share, and where they are made."""

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab
        self.n_vocab: int = llama_cpp.llama_vocab_n_tokens(vocab)
        self.candidates = Candidates(self.n_vocab)
        self.dry = DrySamplers(vocab)
        is_end = (llama_cpp.llama_vocab_is_eog(vocab, token_id) for token_id in range(self.n_vocab))
        self._pieces: dict[int, bytes] = {}
        self.end_ids = np.flatnonzero(np.fromiter(is_end, bool, self.n_vocab)).astype(np.int32)

    def make(self, params: SamplingParams, prompt_ids: Sequence[int]) -> LlamaSampler:
        """A sampler for one sequence."""
        return LlamaSampler(self, params, prompt_ids, self._grammar(params))

    def spelling(self, token_id: int) -> bytes:
        """The bytes of a token, of a control token those of its name."""
        if token_id not in self._pieces:
            self._pieces[token_id] = _spelling(self.vocab, token_id, 32)
        return self._pieces[token_id]

    def close(self) -> None:
        """Free native memory. Safe to call twice."""
        self.dry.close()

    def _grammar(self, params: SamplingParams) -> Grammar | None:
        if params.grammar is not None:
            rules = schemas_to_rules(params.grammar.schemas) if params.grammar.schemas else ""
            return Grammar(self, f"{params.grammar.gbnf}\n{rules}", params.grammar.trigger)
        if params.response_format.type == "text":
            return None
        is_any = params.response_format.type == "json_object"
        return Grammar(
            self, schema_to_gbnf({"type": "object"} if is_any else params.response_format.schema or {})
        )


class LlamaSampler:
    """The sampling state of one sequence."""

    def __init__(
        self,
        kit: SamplerKit,
        params: SamplingParams,
        prompt_ids: Sequence[int],
        grammar: Grammar | None,
    ) -> None:
        self._kit = kit
        self._grammar = grammar
        self._candidates = kit.candidates
        self._params = params
        self._bias_ids = np.fromiter(params.logit_bias, np.int64)
        self._biases = np.fromiter(params.logit_bias.values(), np.float32)
        self._mirostat = Mirostat(params.mirostat_tau, params.mirostat_eta) if params.mirostat else None
        self._penalties = _Chain(_penalties(params, kit))
        self._filters = _Chain(_filters(params))
        self._temperature = _Chain([_temperature(params)])
        is_bent = self._penalties.in_use or params.logit_bias or params.mirostat
        self._is_plain = not is_bent and (params.temperature == 0 or params.top_k > 0)
        if self._penalties.in_use:
            for token_id in prompt_ids[-max(params.repeat_last_n, params.dry_penalty_last_n, 1) :]:
                self._penalties.accept(token_id)

    def accept(self, token_id: int) -> None:
        """Take note of a token of the reply. Raises `InferenceError` when the grammar refuses it."""
        if self._grammar:
            self._grammar.accept(token_id)
        self._penalties.accept(token_id)

    def sample(self, logits: Logits, position: int) -> int:
        """Draw and accept. The seed depends on the position, so that a resumed attempt draws the same."""
        token_id = self._draw(logits, position)
        self.accept(token_id)
        if self._mirostat:
            self._mirostat.note()
        return token_id

    def close(self) -> None:
        """Free native memory. Safe to call twice."""
        if self._grammar:
            self._grammar.close()
        for chain in (self._penalties, self._filters, self._temperature):
            chain.close()

    def _draw(self, logits: Logits, position: int) -> int:
        token_id = self._draw_quickly(logits, position)
        for _ in range(_MAX_REDRAWS):
            if token_id is not None and self._allows(token_id):
                return token_id
            self._load_allowed(logits, position)
            token_id = self._choose(position)
        return self._best(logits, position)

    def _draw_quickly(self, logits: Logits, position: int) -> int | None:
        """Look at the few tokens that can be drawn, where nothing but the logits decides which these are."""
        params, excluded = self._params, self._excluded(position)
        if self._is_plain and params.temperature == 0:
            best = int(logits.argmax())
            if best not in excluded:
                return best if np.isfinite(logits[best]) else self._best(logits, position)
        quickly = self._is_plain and params.temperature > 0
        if not (quickly and self._candidates.load_likeliest(logits, params.top_k, without=excluded)):
            self._load(logits, position)
        return self._choose(position)

    def _excluded(self, position: int) -> Ids:
        """The ends, as long as the reply may not end."""
        may_end = not self._params.ignore_eos and position >= self._params.min_tokens
        return NOTHING if may_end else self._kit.end_ids

    def _allows(self, token_id: int) -> bool:
        return self._grammar is None or self._grammar.allows(token_id)

    def _load_allowed(self, logits: Logits, position: int) -> None:
        self._load(logits, position)
        if self._grammar:
            self._grammar.mask(self._candidates)

    def _load(self, logits: Logits, position: int) -> None:
        self._candidates.load(logits)
        if len(self._bias_ids):
            self._candidates.logits[self._bias_ids] += self._biases
        self._candidates.exclude(self._excluded(position))

    def _choose(self, position: int) -> int | None:
        """One of the loaded candidates; None when penalties have left none with a finite logit."""
        candidates = self._candidates
        self._penalties.apply(candidates.penalise)
        if not candidates.drop_impossible():
            return None
        if self._params.temperature == 0:
            return int(candidates.ids[candidates.logits.argmax()])
        if self._mirostat:
            self._temperature.apply(candidates.apply)
            return int(candidates.ids[self._mirostat.draw(candidates.logits, self._seed(position))])
        self._filters.apply(candidates.apply)
        if self._params.xtc_probability > 0:
            candidates.apply_once(self._xtc(position))
        self._temperature.apply(candidates.apply)
        candidates.apply_once(llama_cpp.llama_sampler_init_dist(self._seed(position)))
        return candidates.chosen

    def _best(self, logits: Logits, position: int) -> int:
        """The likeliest token that is possible at all, when penalties or a trigger leave the draw none."""
        self._load_allowed(logits, position)
        self._candidates.drop_impossible()
        order = np.argsort(-self._candidates.logits, kind="stable")
        allowed = (token_id for token_id in self._candidates.ids[order] if self._allows(int(token_id)))
        token_id = next(allowed, None)
        if token_id is None:
            raise InferenceError("no_possible_token", "The grammar or options leave no possible next token.")
        return int(token_id)

    def _seed(self, position: int, purpose: bytes = b"") -> int:
        return zlib.crc32(b"%d/%d%s" % (self._params.seed or 0, position, purpose)) & _SEED_MASK

    def _xtc(self, position: int) -> Any:
        probability, threshold = self._params.xtc_probability, self._params.xtc_threshold
        return llama_cpp.llama_sampler_init_xtc(probability, threshold, 1, self._seed(position, b"/xtc"))


def _spelling(vocab: Any, token_id: int, size: int) -> bytes:
    buffer = ctypes.create_string_buffer(size)
    length: int = llama_cpp.llama_token_to_piece(vocab, token_id, buffer, size, 0, True)
    return buffer.raw[:length] if length >= 0 else _spelling(vocab, token_id, -length)


class _Chain:
    """Native samplers one after the other; costs nothing when there are none."""

    def __init__(self, samplers: list[Any]) -> None:
        self._chain: Any = None
        if samplers:
            self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in samplers:
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    @property
    def in_use(self) -> bool:
        return self._chain is not None

    def apply(self, apply: Callable[[Any], None]) -> None:
        if self._chain:
            apply(self._chain)

    def accept(self, token_id: int) -> None:
        if self._chain:
            llama_cpp.llama_sampler_accept(self._chain, token_id)

    def close(self) -> None:
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None


def _penalties(params: SamplingParams, kit: SamplerKit) -> list[Any]:
    samplers = []
    factors = (params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
    if factors != (1, 0, 0) and params.repeat_last_n:
        samplers.append(llama_cpp.llama_sampler_init_penalties(kit.n_vocab, params.repeat_last_n, *factors))
    if params.dry_multiplier and params.dry_penalty_last_n:
        samplers.append(kit.dry.make(params))
    if params.top_n_sigma and not params.mirostat:
        samplers.append(llama_cpp.llama_sampler_init_top_n_sigma(params.top_n_sigma))
    return samplers


def _filters(params: SamplingParams) -> list[Any]:
    samplers = []
    if params.top_k > 0:
        samplers.append(llama_cpp.llama_sampler_init_top_k(params.top_k))
    if params.typical_p < 1:
        samplers.append(llama_cpp.llama_sampler_init_typical(params.typical_p, 1))
    if params.top_p < 1:
        samplers.append(llama_cpp.llama_sampler_init_top_p(params.top_p, 1))
    if params.min_p > 0:
        samplers.append(llama_cpp.llama_sampler_init_min_p(params.min_p, 1))
    return samplers


def _temperature(params: SamplingParams) -> Any:
    if not params.dynatemp_range:
        return llama_cpp.llama_sampler_init_temp(params.temperature)
    return llama_cpp.llama_sampler_init_temp_ext(
        params.temperature, params.dynatemp_range, params.dynatemp_exponent
    )

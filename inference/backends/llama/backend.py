"""What the engine works with: a vocabulary, a memory, and one context that decodes for all streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import llama_cpp
import numpy as np

from inference.backends.base import DecodeError, Interrupted, Row, TokenSampler
from inference.backends.interruption import Interruption
from inference.backends.llama.adapters import LlamaAdapters
from inference.backends.llama.batch import LlamaBatch
from inference.backends.llama.candidates import Logits, likeliest, log_softmax
from inference.backends.llama.context import context_params, shared_cores, tile
from inference.backends.llama.embedder import LlamaEmbedder
from inference.backends.llama.memory import LlamaMemory
from inference.backends.llama.sampler import LlamaSampler, SamplerKit
from inference.backends.llama.vocabulary import LlamaVocabulary
from inference.config import EngineConfig
from inference.types.events import Candidate, TokenLogprobs
from inference.types.requests import Adapter
from inference.types.sampling import SamplingParams

NO_LOGITS = np.empty((0, 0), np.float32)

ABORTED = 2
"""What `llama_decode` returns when its callback told it to stop."""


class LlamaBackend(LlamaVocabulary, LlamaMemory):
    """A loaded GGUF with one context of separate streams. See `inference.backends.base.Backend`."""

    def __init__(self, model: Any, context: Any, config: EngineConfig, n_ctx: int, digest: str) -> None:
        LlamaVocabulary.__init__(self, model)
        LlamaMemory.__init__(self, model, context, config.streams)
        self.digest = digest
        self.device: str = config.device
        self.n_ctx = n_ctx
        self.n_batch: int = llama_cpp.llama_n_batch(context)
        self.tile = tile(config)
        self.interruption = Interruption()
        self._config = config
        self._model = model
        self._batch = LlamaBatch(self.n_batch)
        self._cores = shared_cores(config)
        self._is_interruptible = False
        self._abort_callback = self.interruption.native(llama_cpp.ggml_abort_callback)
        self._samplers = SamplerKit(self._vocab)
        self._adapters = LlamaAdapters(model, context)
        self._ends = frozenset(self._samplers.end_ids.tolist())
        self._sampled_rows: dict[int, int] = {}
        self._logits_table = NO_LOGITS

    def spelling(self, token_id: int) -> bytes:
        """The bytes of one token, of a control token those of its name."""
        return self._samplers.spelling(token_id)

    def is_end(self, token_id: int) -> bool:
        """Whether llama.cpp counts the token among the ends of a generation."""
        return token_id in self._ends

    def make_sampler(self, params: SamplingParams, prompt_ids: Sequence[int]) -> LlamaSampler:
        """Native samplers for one sequence."""
        return self._samplers.make(params, prompt_ids)

    def load_adapter(self, adapter: Adapter) -> None:
        """Add an adapter to the model."""
        self._adapters.load(adapter)

    def use_adapter(self, adapter: Adapter | None) -> None:
        """Set the context's only adapter, or none."""
        self._adapters.use(adapter)

    def decode(self, rows: Sequence[Row]) -> None:
        """Run one batch."""
        self._batch.load(rows)
        self._sampled_rows = {}
        if self._cores and self._cores.look():
            llama_cpp.llama_set_n_threads(self._context, self._cores.count, self._cores.count)
        self._heed_interruption()
        status = llama_cpp.llama_decode(self._context, self._batch.native)
        if self._cores:
            self._cores.computed()
        if status not in (0, ABORTED):
            raise DecodeError(f"llama_decode returned {status}")
        self.pending_copies.settle()  # the first thing that it does
        self._moves = False
        if status == ABORTED:
            raise Interrupted
        sampled = (index for index, row in enumerate(rows) if row.wants_logits)
        self._sampled_rows = {index: at for at, index in enumerate(sampled)}
        self._logits_table = self._read_logits() if self._sampled_rows else NO_LOGITS

    def sample(self, row: int, sampler: TokenSampler, position: int) -> int:
        """Draw from one row's logits."""
        return cast(LlamaSampler, sampler).sample(self._logits(row), position)

    def logprobs(self, row: int, token_id: int, top: int) -> TokenLogprobs:
        """From the row's logits as the model gave them."""
        logprobs = log_softmax(self._logits(row))

        def candidate(token_id: int) -> Candidate:
            logprob = float(logprobs[token_id])
            return Candidate(token_id=token_id, piece=self.piece(token_id), logprob=logprob)

        return TokenLogprobs(
            chosen=candidate(token_id), top=[candidate(likely) for likely in likeliest(logprobs, top)]
        )

    def make_embedder(self) -> LlamaEmbedder:
        """A context with one window for all the inputs that it computes together."""
        params = context_params(self._config, self.n_ctx)
        return LlamaEmbedder(self._model, params, n_ctx=self.n_ctx, remembers=self.can_generate)

    def close(self) -> None:
        """Free context and model. Safe to call twice."""
        if self._model is not None:
            self._samplers.close()
            llama_cpp.llama_free(self._context)
            llama_cpp.llama_model_free(self._model)
            self._model = None

    def _heed_interruption(self) -> None:
        """A broken off move would leave wrong positions, and a recurrent state cannot be taken back."""
        is_interruptible = self.interruption.welcome and self.can_draft and not self._moves
        if is_interruptible != self._is_interruptible:
            self._is_interruptible = is_interruptible
            function, flag = self._abort_callback
            function = function if is_interruptible else llama_cpp.ggml_abort_callback()
            llama_cpp.llama_set_abort_callback(self._context, function, flag)

    def _logits(self, row: int) -> Logits:
        if row not in self._sampled_rows:
            raise ValueError(f"row {row} has no logits")
        logits: Logits = self._logits_table[self._sampled_rows[row]]
        return logits

    def _read_logits(self) -> np.ndarray:
        """llama.cpp's own memory, until the next batch: a row of it for each row that wanted logits."""
        pointer = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, shape=(len(self._sampled_rows), self.n_vocab))

"""Embeddings by llama.cpp: vectors of single tokens, which the engine pools.

llama.cpp's own pooling is wrong when an input is split over micro-batches. Without it the vectors of a
causal model are the same however its input is split, so that a long input need not stall anybody.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np

from inference.backends.base import DecodeError, Pooling, Row
from inference.backends.llama.batch import LlamaBatch
from inference.types.errors import InferenceError, Reason

STREAMS = 16
POOLINGS: dict[str, Pooling] = {"": "mean", "0": "mean", "1": "mean", "2": "cls", "3": "last"}
"""llama.cpp's numbers in a model's metadata. Models made for something else say nothing, or 0 for none."""


class LlamaEmbedder:
    """See `inference.backends.base.Embedder`. `params` are those of the model's context for text."""

    def __init__(self, model: Any, params: Any, *, n_ctx: int, remembers: bool) -> None:
        self.pooling = _pooling(model)
        self.n_ctx = n_ctx
        self.streams = STREAMS
        self.splits = splits = remembers and _is_causal(model)
        self.n_batch = min(int(params.n_batch), n_ctx) if splits else n_ctx
        params.n_ctx = n_ctx
        params.n_seq_max = STREAMS
        params.n_batch = params.n_ubatch = self.n_batch
        params.kv_unified = True
        params.embeddings = True
        params.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_NONE
        self._context = llama_cpp.llama_init_from_model(model, params)
        if not self._context:
            message = Reason(
                "There is not enough memory to embed texts of up to %(tokens)s tokens.", {"tokens": n_ctx}
            )
            raise InferenceError("embedding_failed", message, retryable=True)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = LlamaBatch(self.n_batch)
        self._dimensions = int(llama_cpp.llama_model_n_embd_out(model))

    def compute(self, rows: Sequence[Row]) -> np.ndarray:
        """The final hidden state of each row's token."""
        self._batch.load(rows)
        status = llama_cpp.llama_decode(self._context, self._batch.native)
        if status != 0:
            raise DecodeError(f"llama_decode returned {status}")
        pointer = llama_cpp.llama_get_embeddings(self._context)
        return np.ctypeslib.as_array(pointer, shape=(len(rows), self._dimensions))

    def clear(self) -> None:
        """Forget all rows; an encoder remembers none."""
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, False)

    def close(self) -> None:
        """Free the context. Safe to call twice."""
        if self._context is not None:
            llama_cpp.llama_free(self._context)
            self._context = None


def _pooling(model: Any) -> Pooling:
    kind = _metadata(model, f"{_metadata(model, 'general.architecture')}.pooling_type")
    if kind not in POOLINGS:
        message = "This model ranks texts and makes no embeddings: choose another one."
        raise InferenceError("embeddings_unsupported", message)
    return POOLINGS[kind]


def _is_causal(model: Any) -> bool:
    return _metadata(model, f"{_metadata(model, 'general.architecture')}.attention.causal") != "false"


def _metadata(model: Any, key: str) -> str:
    buffer = ctypes.create_string_buffer(128)
    size = llama_cpp.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

"""llama.cpp through the low-level API of llama-cpp-python: the only importer of llama_cpp.

Streams are separate (`kv_unified` off): a unified cache would compute attention over everybody's cells.
Nothing here checks a request: llama.cpp aborts the process on bad input, so the engine validates first and
this module only guards what the engine itself could get wrong.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Sequence, Sized
from pathlib import Path
from typing import Any, cast

import llama_cpp
import numpy as np

from inference.backends.base import (
    SEPARATOR,
    DecodeError,
    Interrupted,
    PendingCopies,
    Row,
    TokenSampler,
)
from inference.backends.interruption import Interruption
from inference.backends.llama_batch import LlamaBatch
from inference.backends.llama_candidates import Logits, likeliest, log_softmax
from inference.backends.llama_context import check_kv_types, context_params, load_failed, shared_cores, tile
from inference.backends.llama_devices import choose_gpus, place_model, set_devices
from inference.backends.llama_embedder import LlamaEmbedder
from inference.backends.llama_log import silence_llama
from inference.backends.llama_sampler import LlamaSampler, SamplerKit
from inference.config import EngineConfig
from inference.gguf import file_digest
from inference.types.errors import InferenceError
from inference.types.events import Candidate, TokenLogprobs
from inference.types.requests import Adapter
from inference.types.sampling import SamplingParams

logger = logging.getLogger(__name__)

NO_LOGITS = np.empty((0, 0), np.float32)

ABORTED = 2
"""What `llama_decode` returns when its callback told it to stop."""


class LlamaBackend:
    """A loaded GGUF with one context of separate streams. See `inference.backends.base.Backend`."""

    def __init__(self, model: Any, context: Any, config: EngineConfig, n_ctx: int, digest: str) -> None:
        self.digest = digest
        self.device: str = config.device
        self.n_ctx = n_ctx
        self.streams = config.streams
        self.pending_copies = PendingCopies()
        self.interruption = Interruption()
        self.can_draft = not (
            llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model)
        )
        self.n_batch: int = llama_cpp.llama_n_batch(context)
        self.tile = tile(config)
        self._config = config
        self._model = model
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)
        self.can_generate = bool(self._memory)  # an encoder remembers nothing
        self.can_shift = self.can_draft and bool(llama_cpp.llama_memory_can_shift(self._memory))
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self._n_swa: int = llama_cpp.llama_model_n_swa(model)
        self._batch = LlamaBatch(self.n_batch)
        self._cores = shared_cores(config)
        self._shifts = False
        self._is_interruptible = False
        self._abort_callback = self.interruption.native(llama_cpp.ggml_abort_callback)
        self._samplers = SamplerKit(self._vocab)
        self._adapter: Adapter | None = None
        self._adapters: dict[tuple[str, str], Any] = {}
        self._ends = frozenset(self._samplers.end_ids.tolist())
        self._pieces: dict[int, bytes] = {}
        self._sampled_rows: dict[int, int] = {}
        self._logits_table = NO_LOGITS
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
        """Add an adapter to the model, which frees it in the end."""
        if (adapter.path, adapter.digest) in self._adapters:
            return
        pointer = None
        if Path(adapter.path).is_file():
            pointer = llama_cpp.llama_adapter_lora_init(self._model, os.fsencode(adapter.path))
        if not pointer:
            message = f"The adapter {Path(adapter.path).name} is missing, damaged or made for another model."
            raise InferenceError("adapter_failed", message)
        self._adapters[adapter.path, adapter.digest] = pointer

    def use_adapter(self, adapter: Adapter | None) -> None:
        """Set the context's only adapter, or none."""
        if adapter == self._adapter:
            return
        self._adapter = adapter
        if adapter is None:
            llama_cpp.llama_set_adapters_lora(self._context, None, 0, None)
            return
        pointers = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(
            ctypes.cast(self._adapters[adapter.path, adapter.digest], llama_cpp.llama_adapter_lora_p_ctypes)
        )
        scales = (ctypes.c_float * 1)(adapter.scale)
        llama_cpp.llama_set_adapters_lora(self._context, pointers, 1, scales)

    def decode(self, rows: Sequence[Row]) -> None:
        """Run one batch."""
        self._batch.load(rows)
        self._sampled_rows = {}
        if self._cores and self._cores.look():
            llama_cpp.llama_set_n_threads(self._context, self._cores.count, self._cores.count)
        self._heed_interruption()
        status = llama_cpp.llama_decode(self._context, self._batch.native)
        if status not in (0, ABORTED):
            raise DecodeError(f"llama_decode returned {status}")
        self.pending_copies.settle()  # the first thing that it does
        self._shifts = False
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

    def keep(self, stream: int, length: int) -> int:
        """Drop a stream's tail; all of it where the architecture cannot drop a part."""
        if not self.can_generate:
            return 0
        held: int = llama_cpp.llama_memory_seq_pos_max(self._memory, stream) + 1
        if held <= length:
            return held
        can_cut = length > 0 and self._window_is_whole(stream, length)
        if can_cut and llama_cpp.llama_memory_seq_rm(self._memory, stream, length, -1):
            return length
        llama_cpp.llama_memory_seq_rm(self._memory, stream, -1, -1)
        return 0

    def shift(self, stream: int, start: int, count: int) -> bool:
        """Drop cells and correct the positions of those behind them."""
        end = start + count
        if not llama_cpp.llama_memory_seq_rm(self._memory, stream, start, end):
            return False
        llama_cpp.llama_memory_seq_add(self._memory, stream, end, -1, -count)
        self._shifts = True
        return True

    def copy(self, source: int, target: int) -> None:
        """Copy a whole stream: llama.cpp aborts on a part of one."""
        self.pending_copies.add(source, target)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def state_size(self, stream: int) -> int:
        """Bytes of the stream's serialised cells."""
        return int(llama_cpp.llama_state_seq_get_size_ext(self._context, stream, 0))

    def save(self, stream: int) -> Sized:
        """Serialise the stream's cells."""
        self.pending_copies.check_save(stream)
        state = (ctypes.c_uint8 * self.state_size(stream))()
        llama_cpp.llama_state_seq_get_data_ext(self._context, state, len(state), stream, 0)
        return state

    def restore(self, stream: int, state: Sized) -> bool:
        """Replace the stream's cells."""
        self.pending_copies.check_restore(stream)
        buffer = cast("ctypes.Array[ctypes.c_uint8]", state)
        if llama_cpp.llama_state_seq_set_data_ext(self._context, buffer, len(buffer), stream, 0):
            return True
        self.keep(stream, 0)
        return False

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
        is_interruptible = self.interruption.welcome and self.can_draft and not self._shifts
        if is_interruptible != self._is_interruptible:
            self._is_interruptible = is_interruptible
            function, flag = self._abort_callback
            function = function if is_interruptible else llama_cpp.ggml_abort_callback()
            llama_cpp.llama_set_abort_callback(self._context, function, flag)

    def _window_is_whole(self, stream: int, length: int) -> bool:
        """Whether all that a token at `length` looks at is there: a saved sliding window is only its end."""
        first: int = llama_cpp.llama_memory_seq_pos_min(self._memory, stream)
        return self._n_swa == 0 or first <= max(0, length - self._n_swa)

    def _logits(self, row: int) -> Logits:
        if row not in self._sampled_rows:
            raise ValueError(f"row {row} has no logits")
        logits: Logits = self._logits_table[self._sampled_rows[row]]
        return logits

    def _read_logits(self) -> np.ndarray:
        """llama.cpp's own memory, until the next batch: a row of it for each row that wanted logits."""
        pointer = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, shape=(len(self._sampled_rows), self.n_vocab))

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


def load_llama_backend(config: EngineConfig) -> LlamaBackend:
    """Load a GGUF. Raises `InferenceError` (`model_load_failed`)."""
    silence_llama()
    path = _check_file(config)
    if config.device == "gpu" and not llama_cpp.llama_supports_gpu_offload():
        raise load_failed("This build of llama.cpp cannot use a GPU.")
    check_kv_types(config)
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    kept: list[Any] = []
    if config.device == "gpu":
        gpus = choose_gpus(config)
        placement = place_model(config, path, gpus)
        logger.info("%s: %d layers on %s", config.model, placement.layers, [gpu.name for gpu in gpus])
        kept = set_devices(params, config, placement, gpus)
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
    del kept
    if not model:
        raise load_failed(f"llama.cpp cannot load {path.name}: it is damaged or of an unknown architecture.")
    n_ctx = min(config.n_ctx, llama_cpp.llama_model_n_ctx_train(model))
    context = llama_cpp.llama_init_from_model(model, context_params(config, n_ctx))
    if not context:
        llama_cpp.llama_model_free(model)
        raise load_failed(f"There is not enough memory for {config.streams} windows of {n_ctx} tokens.")
    return LlamaBackend(model, context, config, n_ctx, config.digest or file_digest(path))


def _check_file(config: EngineConfig) -> Path:
    path = config.path
    if path is None or not path.is_file():
        raise load_failed(f"There is no model file at {path}.")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise load_failed(f"{path.name} is not a GGUF file.")
    if config.modified_ns not in (None, path.stat().st_mtime_ns):
        raise load_failed(f"{path.name} was changed after it was checked: start the worker again.")
    return path


def _chat_template(model: Any) -> str | None:
    template: bytes | None = llama_cpp.llama_model_chat_template(model, None)
    return template.decode("utf-8", "replace") if template else None

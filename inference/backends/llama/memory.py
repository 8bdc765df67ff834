"""What the streams of a context hold. llama.cpp's loop thread only."""

from __future__ import annotations

import ctypes
from collections.abc import Sized
from typing import Any, cast

import llama_cpp

from inference.backends.base import PendingCopies


class LlamaMemory:
    """See `inference.backends.base.KVMemory`."""

    def __init__(self, model: Any, context: Any, streams: int) -> None:
        self.streams = streams
        self.pending_copies = PendingCopies()
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)
        self._n_swa: int = llama_cpp.llama_model_n_swa(model)
        self._moves = False
        self.can_generate = bool(self._memory)  # an encoder remembers nothing
        self.can_draft = not (
            llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model)
        )
        self.can_shift = self.can_draft and bool(llama_cpp.llama_memory_can_shift(self._memory))

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
        self._moves = True
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

    def _window_is_whole(self, stream: int, length: int) -> bool:
        """Whether all that a token at `length` looks at is there: a saved sliding window is only its end."""
        first: int = llama_cpp.llama_memory_seq_pos_min(self._memory, stream)
        return self._n_swa == 0 or first <= max(0, length - self._n_swa)

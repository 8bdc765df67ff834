"""The rows of a step as llama.cpp wants them, in arrays that are made once."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np

from inference.backends.base import Row


class LlamaBatch:
    """Room for `size` rows; `native` is what `llama_decode` takes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._tokens, self._positions, self._streams = np.zeros((3, size), np.int32)
        self._wanted = np.zeros(size, np.int8)
        self._counts = np.ones(size, np.int32)
        offsets = self._streams.itemsize * np.arange(size, dtype=np.uintp)
        self._addresses = offsets + np.uintp(self._streams.ctypes.data)
        pointer = ctypes.POINTER(llama_cpp.llama_token)
        self.native = llama_cpp.llama_batch(
            token=_at(self._tokens, pointer),
            pos=_at(self._positions, pointer),
            n_seq_id=_at(self._counts, pointer),
            seq_id=_at(self._addresses, ctypes.POINTER(pointer)),
            logits=_at(self._wanted, ctypes.POINTER(ctypes.c_int8)),
        )

    def load(self, rows: Sequence[Row]) -> None:
        """Take the rows. Raises `ValueError` where there are none, or too many: llama.cpp would abort."""
        if not 0 < len(rows) <= self.size:
            raise ValueError(f"a batch of {len(rows)} rows")
        self.native.n_tokens = count = len(rows)
        columns: tuple[np.ndarray, ...] = (self._streams, self._tokens, self._positions, self._wanted)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column[:count] = values


def _at(array: np.ndarray, pointer: Any) -> Any:
    return array.ctypes.data_as(pointer)

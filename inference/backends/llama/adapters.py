"""LoRA adapters of a model: read once, and one of them at a time in use."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import llama_cpp

from inference.types.errors import InferenceError, Reason
from inference.types.requests import Adapter


class LlamaAdapters:
    """The model frees them in the end."""

    def __init__(self, model: Any, context: Any) -> None:
        self._model = model
        self._context = context
        self._in_use: Adapter | None = None
        self._loaded: dict[tuple[str, str], Any] = {}

    def load(self, adapter: Adapter) -> None:
        """Add one to the model. Raises `InferenceError` where it does not belong there."""
        if (adapter.path, adapter.digest) in self._loaded:
            return
        pointer = None
        if Path(adapter.path).is_file():
            pointer = llama_cpp.llama_adapter_lora_init(self._model, os.fsencode(adapter.path))
        if not pointer:
            raise InferenceError(
                "adapter_failed",
                Reason(
                    "The adapter %(name)s is missing, damaged or made for another model.",
                    {"name": Path(adapter.path).name},
                ),
            )
        self._loaded[adapter.path, adapter.digest] = pointer

    def use(self, adapter: Adapter | None) -> None:
        """Set the context's only adapter, or none."""
        if adapter == self._in_use:
            return
        self._in_use = adapter
        if adapter is None:
            llama_cpp.llama_set_adapters_lora(self._context, None, 0, None)
            return
        pointers = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(
            ctypes.cast(self._loaded[adapter.path, adapter.digest], llama_cpp.llama_adapter_lora_p_ctypes)
        )
        scales = (ctypes.c_float * 1)(adapter.scale)
        llama_cpp.llama_set_adapters_lora(self._context, pointers, 1, scales)

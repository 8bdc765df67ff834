"""From a GGUF on the disk to a backend."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import llama_cpp

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.context import check_kv_types, context_params, load_failed
from inference.backends.llama.devices import choose_gpus, place_model, set_devices
from inference.backends.llama.log import silence_llama
from inference.config import EngineConfig
from inference.gguf import file_digest
from inference.types.errors import Reason

logger = logging.getLogger(__name__)


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
        raise load_failed(
            Reason(
                "llama.cpp cannot load %(name)s: it is damaged or of an unknown architecture.",
                {"name": path.name},
            )
        )
    n_ctx = min(config.n_ctx, llama_cpp.llama_model_n_ctx_train(model))
    context = llama_cpp.llama_init_from_model(model, context_params(config, n_ctx))
    if not context:
        llama_cpp.llama_model_free(model)
        raise load_failed(
            Reason(
                "There is not enough memory for %(windows)s windows of %(tokens)s tokens.",
                {"windows": config.streams, "tokens": n_ctx},
            )
        )
    return LlamaBackend(model, context, config, n_ctx, config.digest or file_digest(path))


def _check_file(config: EngineConfig) -> Path:
    path = config.path
    if path is None or not path.is_file():
        raise load_failed(Reason("There is no model file at %(path)s.", {"path": str(path)}))
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise load_failed(Reason("%(name)s is not a GGUF file.", {"name": path.name}))
    if config.modified_ns not in (None, path.stat().st_mtime_ns):
        raise load_failed(
            Reason("%(name)s was changed after it was checked: start the worker again.", {"name": path.name})
        )
    return path

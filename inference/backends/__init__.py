"""Model runtimes. `load_backend` picks one by configuration."""

from __future__ import annotations

from inference.backends.base import Backend
from inference.backends.paced.backend import PacedBackend
from inference.config import EngineConfig


def load_backend(config: EngineConfig) -> Backend:
    """Load the configured backend; `InferenceError` (`model_load_failed`) when that is impossible."""
    if config.backend == "paced":
        return PacedBackend(config)
    # llama_cpp takes a moment and a native library: the paced backend must do without it.
    from inference.backends.llama.loading import load_llama_backend

    return load_llama_backend(config)

"""What a llama.cpp context is made with: sizes, threads, and how keys and values are kept."""

from __future__ import annotations

from typing import Any

import llama_cpp

from inference.backends.llama.cores import Cores, sees_all_cores
from inference.config import EngineConfig, KVType, usable_cores
from inference.types.errors import InferenceError, Reason

KV_TYPES: dict[KVType, int] = {"f32": 0, "f16": 1, "q4_0": 2, "q5_1": 7, "q8_0": 8, "bf16": 30}
"""ggml's numbers."""
TINY_MODEL_BYTES = 32 << 20
TILE = 64
"""`GGML_FA_TILE_Q`."""


def context_params(config: EngineConfig, n_ctx: int) -> Any:
    """llama.cpp's parameters for a window of `n_ctx` tokens in every stream."""
    threads = config.threads or default_threads(config)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = n_ctx * config.streams
    params.n_seq_max = config.streams
    params.n_batch = params.n_ubatch = min(config.n_batch, n_ctx * config.slots)
    params.n_threads = params.n_threads_batch = threads
    params.kv_unified = False
    params.no_perf = True
    params.offload_kqv = params.op_offload = config.device == "gpu"
    params.flash_attn_type = flash_attention(config)
    params.type_k, params.type_v = KV_TYPES[config.k_type], KV_TYPES[config.v_type]
    return params


def default_threads(config: EngineConfig) -> int:
    """Every core, but one for a model so small that its threads would mostly wait for each other.

    Measured with a 4.4M model on 2 busy cores: 0.45 ms of CPU a token on one thread, 14 ms on two.
    """
    return 1 if _is_tiny(config) else usable_cores()


def shared_cores(config: EngineConfig) -> Cores | None:
    """What follows the machine's load; nothing where the number of threads is fixed."""
    threads = default_threads(config)
    is_fixed = config.threads or threads == 1 or config.device == "gpu" or not sees_all_cores(threads)
    return None if is_fixed else Cores(threads)


def check_kv_types(config: EngineConfig) -> None:
    """Without flash attention llama.cpp makes no context whose values are quantised."""
    if config.v_type.startswith("q") and config.flash_attention is False:
        raise load_failed(
            Reason(
                "V_TYPE %(type)s needs FLASH_ATTENTION: set it to on, or V_TYPE to f16.",
                {"type": config.v_type},
            )
        )


def flash_attention(config: EngineConfig) -> int:
    """As configured, or llama.cpp's choice, which is to use it wherever it can."""
    kinds = {
        None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
        True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }
    return int(kinds[_wants_flash_attention(config)])


def tile(config: EngineConfig) -> int:
    """Flash attention on a CPU computes its query tokens in tiles; those of a smaller batch one by one."""
    return TILE if config.device == "cpu" and _wants_flash_attention(config) is not False else 1


def load_failed(message: str | Reason) -> InferenceError:
    """Why a model cannot be loaded."""
    return InferenceError("model_load_failed", message)


def _wants_flash_attention(config: EngineConfig) -> bool | None:
    """Not for a tiny model on a CPU, unless configured: 4 rows of the demo model take 0.72 ms with it, 0.52
    without, one 0.26 and 0.25. Quantised values need it.
    """
    is_better_off = config.device == "cpu" and _is_tiny(config) and not config.v_type.startswith("q")
    return False if config.flash_attention is None and is_better_off else config.flash_attention


def _is_tiny(config: EngineConfig) -> bool:
    return config.path is not None and config.path.stat().st_size < TINY_MODEL_BYTES

"""The GPUs that this build of llama.cpp sees, and where a model's layers go."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, NamedTuple

import llama_cpp
from llama_cpp._ggml import libggml

from inference.backends.llama.context import load_failed
from inference.backends.llama.placement import Placement, place_layers
from inference.config import EngineConfig
from inference.gguf import ModelFileError, read_model_file
from inference.types.errors import Reason

GPU_KINDS = (1, 2)
"""ggml's numbers for a GPU, and for one that shares the machine's memory."""
ELEMENT_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32, "q4_0": 18 / 32}


class Gpu(NamedTuple):
    """A device that layers can go to."""

    handle: int
    name: str
    free_bytes: int


def list_gpus() -> list[Gpu]:
    """The GPUs, in llama.cpp's order, with what is free now."""
    handles = [
        _call("dev_get", ctypes.c_void_p, index) for index in range(_call("dev_count", ctypes.c_size_t))
    ]
    return [_describe(handle) for handle in handles if _kind(handle) in GPU_KINDS]


def choose_gpus(config: EngineConfig) -> list[Gpu]:
    """The configured GPUs. Raises `InferenceError` where there are none, or not those."""
    gpus = list_gpus()
    if not gpus:
        raise load_failed("This build of llama.cpp sees no GPU.")
    missing = [index for index in config.gpu_devices if index >= len(gpus)]
    if missing:
        names = ", ".join(f"{index} {gpu.name}" for index, gpu in enumerate(gpus))
        raise load_failed(
            Reason(
                "There is no GPU %(number)s: GPU_DEVICES may name %(names)s.",
                {"number": missing[0], "names": names},
            )
        )
    if config.tensor_split and len(config.tensor_split) != len(config.gpu_devices or gpus):
        raise load_failed("TENSOR_SPLIT needs a number for each GPU that is used.")
    return [gpus[index] for index in config.gpu_devices] or gpus


def place_model(config: EngineConfig, path: Path, gpus: list[Gpu]) -> Placement:
    """Where the layers go: as configured, else as many as fit."""
    if config.tensor_split and config.gpu_layers >= 0:
        return Placement(config.gpu_layers, ())
    try:
        file = read_model_file(path)
    except ModelFileError as error:
        raise load_failed(str(error)) from error
    element = ELEMENT_BYTES[config.k_type] + ELEMENT_BYTES[config.v_type]
    return place_layers(
        [gpu.free_bytes for gpu in gpus],
        layers=file.layers,
        model_bytes=file.size_bytes,
        window_bytes=round(file.kv_width * element * config.n_ctx * (config.streams + 1)),
        wanted=config.gpu_layers,
    )


def set_devices(params: Any, config: EngineConfig, placement: Placement, gpus: list[Gpu]) -> list[Any]:
    """Tell llama.cpp; what is returned must live until the model is loaded."""
    handles = (ctypes.c_void_p * (len(gpus) + 1))(*(gpu.handle for gpu in gpus), None)
    shares = (ctypes.c_float * max(len(gpus), int(llama_cpp.llama_max_devices())))()
    for index, share in enumerate(config.tensor_split or placement.split):
        shares[index] = share
    params.devices = ctypes.cast(handles, ctypes.c_void_p)
    params.n_gpu_layers = placement.layers
    params.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
    return [handles, shares]


def _describe(handle: int) -> Gpu:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory = libggml.ggml_backend_dev_memory
    memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)]
    memory.restype = None
    memory(handle, ctypes.byref(free), ctypes.byref(total))
    name: bytes = _call("dev_description", ctypes.c_char_p, handle) or b""
    return Gpu(handle, name.decode("utf-8", "replace"), free.value)


def _kind(handle: int) -> int:
    return int(_call("dev_type", ctypes.c_int, handle))


def _call(name: str, kind: Any, *arguments: int) -> Any:
    function = getattr(libggml, f"ggml_backend_{name}")
    function.restype = kind
    function.argtypes = [ctypes.c_size_t if name == "dev_get" else ctypes.c_void_p] * len(arguments)
    return function(*arguments)

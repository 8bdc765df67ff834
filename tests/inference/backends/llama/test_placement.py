"""Where layers go, over whatever memory is free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.llama import devices
from inference.backends.llama.devices import Gpu, choose_gpus, list_gpus, place_model
from inference.backends.llama.loading import load_llama_backend
from inference.backends.llama.placement import RESERVE_BYTES, RESERVE_SHARE, Placement, place_layers
from inference.config import EngineConfig
from inference.types.errors import InferenceError
from tests.support.gguf import write_random_gguf

GIB = 1 << 30


@pytest.mark.parametrize(
    ("free_gib", "model_gib", "wanted", "placement"),
    [
        ([24], 4, -1, Placement(33, (33,))),
        ([24, 24], 4, -1, Placement(33, (17, 16))),
        ([24, 12], 4, -1, Placement(33, (22, 11))),
        ([8], 16, -1, Placement(13, (13,))),
        ([8], 16, 10, Placement(10, (10,))),
        ([0.5], 4, -1, Placement(0, (0,))),
        ([], 4, -1, Placement(0, ())),
    ],
)
def test_as_many_layers_as_fit(
    free_gib: list[float], model_gib: float, wanted: int, placement: Placement
) -> None:
    free = [round(each * GIB) for each in free_gib]
    size = round(model_gib * GIB)
    assert place_layers(free, layers=32, model_bytes=size, window_bytes=GIB, wanted=wanted) == placement


@given(
    st.lists(st.integers(0, 96 * GIB), max_size=8),
    st.integers(0, 200),
    st.integers(1, 400 * GIB),
    st.integers(0, 64 * GIB),
    st.integers(-1, 300),
)
def test_no_device_gets_more_than_it_has(
    free: list[int], layers: int, model_bytes: int, window_bytes: int, wanted: int
) -> None:
    total, split = place_layers(
        free, layers=layers, model_bytes=model_bytes, window_bytes=window_bytes, wanted=wanted
    )
    layer_bytes = model_bytes / (layers + 1) + window_bytes / max(1, layers)

    assert sum(split) == total <= layers + 1
    assert wanted < 0 or total <= wanted
    for count, room in zip(split, free, strict=True):
        assert count == 0 or count * layer_bytes <= room * (1 - RESERVE_SHARE) - RESERVE_BYTES + 1


def config(path: Path | None = None, **changes: Any) -> EngineConfig:
    return EngineConfig(
        **{"model": "m", "path": path, "device": "gpu", "gpu_layers": -1, "slots": 1, "n_ctx": 256} | changes
    )


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[Gpu]:
    gpus = [Gpu(1, "left", 24 * GIB), Gpu(2, "right", 12 * GIB)]
    monkeypatch.setattr(devices, "list_gpus", lambda: gpus)
    return gpus


def test_the_configured_gpus_are_used(gpus: list[Gpu], tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "m.gguf")

    assert choose_gpus(config()) == gpus
    assert choose_gpus(config(gpu_devices=(1,))) == [gpus[1]]
    assert place_model(config(), path, gpus) == Placement(3, (2, 1))
    assert place_model(config(gpu_layers=1), path, gpus[:1]) == Placement(1, (1,))
    assert place_model(config(gpu_layers=2, tensor_split=(1.0, 1.0)), path, gpus) == Placement(2, ())
    with pytest.raises(InferenceError, match="no GPU 2: GPU_DEVICES may name 0 left, 1 right"):
        choose_gpus(config(gpu_devices=(2,)))
    with pytest.raises(InferenceError, match="TENSOR_SPLIT needs a number for each GPU"):
        choose_gpus(config(tensor_split=(1.0,)))


def test_a_build_for_the_cpu_sees_no_gpu() -> None:
    assert list_gpus() == []
    with pytest.raises(InferenceError, match="sees no GPU"):
        choose_gpus(config())


def test_quantised_values_need_flash_attention(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "m.gguf")
    with pytest.raises(InferenceError, match="V_TYPE q8_0 needs FLASH_ATTENTION"):
        load_llama_backend(config(path, device="cpu", v_type="q8_0", flash_attention=False))
    backend = load_llama_backend(
        config(path, device="cpu", k_type="bf16", v_type="bf16", flash_attention=True)
    )
    backend.close()

"""What one engine is made of, validated before anything native is touched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MIB = 1 << 20

KVType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q4_0"]


def usable_cores() -> int:
    """How many cores this process may use; a container's share can be smaller than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One engine process: a model, a backend and its sizes.

    `digest` is of the file as it was at `modified_ns`: one that was changed later is not loaded.

    `slots` sequences run at once, `n_ctx` is the window of each in tokens, and `spare_streams` more windows
    keep prefixes at hand. `retained_bytes` of host memory hold what has no stream, at most
    `retained_per_key` entries for each `cache_key`. `threads` 0 means every core it may use.
    On a GPU, `gpu_layers` is -1 for as many as fit, `gpu_devices` are the numbers of the GPUs to use (none:
    all), and `tensor_split` how much of the model each gets (none: by free memory). Keys and values are kept
    as `k_type` and `v_type`, the latter quantised only with flash attention. `batch_pauses` stops batch
    sequences, all but `batch_share` of them, while interactive ones run: unset, on a CPU only.
    `prompt_lookup` is how many tokens may be guessed at a time, 0 for none: unset, what pays on the device.
    `flash_attention` unset is llama.cpp's choice. `step_ms` is the target time of one engine step.
    `paced_rate` is the paced backend's tokens per second and stream.
    """

    model: str
    path: Path | None = None
    digest: str = ""
    modified_ns: int | None = None
    backend: Literal["llama", "paced"] = "llama"
    device: Literal["cpu", "gpu"] = "cpu"
    slots: Annotated[int, Meta(ge=1, le=254)] = 4
    n_ctx: Annotated[int, Meta(ge=64, le=1_048_576)] = 4096
    spare_streams: Annotated[int, Meta(ge=0, le=2)] = 1
    retained_bytes: Annotated[int, Meta(ge=0)] = 512 * MIB
    retained_per_key: Annotated[int, Meta(ge=1, le=1000)] = 2
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    gpu_layers: Annotated[int, Meta(ge=-1, le=10_000)] = 0
    gpu_devices: tuple[Annotated[int, Meta(ge=0, le=63)], ...] = ()
    tensor_split: tuple[Annotated[float, Meta(ge=0, le=1e6)], ...] = ()
    flash_attention: bool | None = None
    k_type: KVType = "f16"
    v_type: KVType = "f16"
    n_batch: Annotated[int, Meta(ge=32, le=8192)] = 512
    batch_pauses: bool | None = None
    batch_share: Annotated[int, Meta(ge=0, le=254)] = 0
    prompt_lookup: Annotated[int, Meta(ge=0, le=15)] | None = None
    step_ms: Annotated[float, Meta(ge=1, le=10_000)] = 200.0
    paced_rate: Annotated[float, Meta(gt=0, le=1_000_000)] = 100.0

    @property
    def pauses_batch(self) -> bool:
        """Whether batch sequences stop while interactive ones run."""
        return self.device == "cpu" if self.batch_pauses is None else self.batch_pauses

    @property
    def streams(self) -> int:
        """Windows of the KV cache: one for each slot, and the spares."""
        return self.slots + self.spare_streams

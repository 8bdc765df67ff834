"""What one engine is made of, validated before anything native is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One engine process: a model, a backend and its sizes.

    `n_ctx` is the window of each slot in tokens. `threads` 0 means every core. `gpu_layers` is -1 for as
    many as fit. `step_ms` is the target time of one engine step. `paced_rate` is the paced backend's
    tokens per second and stream.
    """

    model: str
    path: Path | None = None
    digest: str = ""
    backend: Literal["llama", "paced"] = "llama"
    device: Literal["cpu", "gpu"] = "cpu"
    slots: Annotated[int, Meta(ge=1, le=254)] = 4
    n_ctx: Annotated[int, Meta(ge=64, le=1_048_576)] = 4096
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    gpu_layers: Annotated[int, Meta(ge=-1, le=10_000)] = 0
    flash_attention: bool = False
    n_batch: Annotated[int, Meta(ge=32, le=8192)] = 512
    step_ms: Annotated[float, Meta(ge=1, le=10_000)] = 200.0
    paced_rate: Annotated[float, Meta(gt=0, le=1_000_000)] = 100.0

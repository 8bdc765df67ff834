"""What one worker runs: its name, its model, and sizes that suit the machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from chat.models import LanguageModel
from chat.services.catalogue import check_again
from chat.services.errors import ServiceError
from inference.config import EngineConfig, usable_cores

PACED_MODEL = "paced"
MOST_SLOTS = {"cpu": 16, "gpu": 32}
RESERVE_BYTES = 1 << 30
KV_SHARE = 1e-4
"""A token's keys and values, as a share of the model's size: the generous end of what GGUF files need."""


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """`engines` are the configurations to try, best first: a GPU that is visible may still be unusable."""

    name: str
    engines: tuple[EngineConfig, ...]


def default_slots(*, cores: int, free_bytes: int, model_bytes: int, n_ctx: int, device: str = "cpu") -> int:
    """How many replies at once: four a core (a step's cost grows slowly), as far as their windows fit."""
    wanted = 4 * cores if device == "cpu" else MOST_SLOTS[device]
    window_bytes = max(1.0, n_ctx * model_bytes * KV_SHARE)
    fitting = int((free_bytes - model_bytes - RESERVE_BYTES) / window_bytes)
    return max(1, min(wanted, MOST_SLOTS[device], fitting))


def make_worker_config(*, name: str, model: str, slots: int, device: str, backend: str) -> WorkerConfig:
    """The configuration behind `manage.py worker`'s options; `slots` 0 and an empty `model` mean the default.

    Raises `ImproperlyConfigured` with a sentence for the operator.
    """
    if backend == "paced":
        engine = EngineConfig(
            model=model or PACED_MODEL,
            backend="paced",
            slots=slots or default_slots(cores=usable_cores(), free_bytes=1 << 40, model_bytes=0, n_ctx=1),
            n_ctx=settings.ENGINE_CONTEXT,
            paced_rate=settings.PACED_RATE,
        )
        return WorkerConfig(name=name, engines=(engine,))
    row = _look_again(find_model(model))
    devices = ("gpu", "cpu") if device == "auto" and sees_accelerator() else (device.replace("auto", "cpu"),)
    return WorkerConfig(name=name, engines=tuple(_llama_config(row, slots, each) for each in devices))


def find_model(slug: str) -> LanguageModel:
    """The active model of that name, or the default one. Raises `ImproperlyConfigured`."""
    active = LanguageModel.objects.filter(is_active=True)
    row = active.filter(slug=slug).first() if slug else active.filter(is_default=True).first()
    if row is None:
        missing = f"There is no model named {slug!r}." if slug else "There is no default model."
        raise ImproperlyConfigured(f"{missing} `manage.py model list` shows them, `model add` adds one.")
    return row


def _look_again(row: LanguageModel) -> LanguageModel:
    try:
        return check_again(row)
    except ServiceError as error:
        raise ImproperlyConfigured(error.message) from error


def sees_accelerator() -> bool:
    """Whether this machine seems to have a GPU that llama.cpp can use."""
    return sys.platform == "darwin" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()


def _llama_config(row: LanguageModel, slots: int, device: str) -> EngineConfig:
    n_ctx = min(settings.ENGINE_CONTEXT, row.context_length)
    fitting = default_slots(
        cores=usable_cores(),
        free_bytes=psutil.virtual_memory().available,
        model_bytes=row.size_bytes,
        n_ctx=n_ctx,
        device=device,
    )
    return EngineConfig(
        model=row.slug,
        path=Path(row.path).resolve(),
        digest=row.digest,
        modified_ns=row.modified_ns or None,
        backend="llama",
        device="gpu" if device == "gpu" else "cpu",
        slots=slots or fitting,
        n_ctx=n_ctx,
        threads=settings.ENGINE_THREADS,
        gpu_layers=settings.ENGINE_GPU_LAYERS,
    )

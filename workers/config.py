"""What one worker runs: its name, its models, and sizes that suit the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from chat.models import LanguageModel
from chat.services.catalogue import check_again, is_on_disk
from chat.services.errors import ServiceError
from inference.config import EngineConfig, KVType, usable_cores
from inference.types.engines import EngineInfo
from workers.tuning import engine_tuning

PACED_MODEL = "paced"
MOST_SLOTS = {"cpu": 16, "gpu": 32}
PACED_BATCH = 8192
"""Its prompts cost nothing, but beside replies each step of them takes a beat."""
RESERVE_BYTES = 1 << 30
KV_SHARE = 1e-4
"""A token's keys and values, as a share of the model's size: the generous end of what GGUF files need."""
PROCESS_BYTES = 192 << 20
"""What an engine needs whatever its model: its process, and buffers to compute in."""
MOST_RETAINED = 512 << 20
UNLIMITED = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A model that a worker may load, and about how much memory that takes.

    `engines` tells the configurations to try, best first: a GPU that is visible may still be unusable. It
    may look at the model's file again, and raise `ImproperlyConfigured`.
    """

    slug: str
    need_bytes: int
    engines: Callable[[], tuple[EngineConfig, ...]]


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """The `first` model is loaded at the start, `others` when they are wanted, all within `budget` bytes."""

    name: str
    first: Offer
    others: Callable[[], list[Offer]] = list
    slots: int
    device: str = "cpu"
    budget: int = UNLIMITED


def default_slots(*, cores: int, free_bytes: int, model_bytes: int, n_ctx: int, device: str = "cpu") -> int:
    """How many replies at once: four a core (a step's cost grows slowly), as far as their windows fit."""
    wanted = 4 * cores if device == "cpu" else MOST_SLOTS[device]
    window_bytes = max(1.0, n_ctx * model_bytes * KV_SHARE)
    fitting = int((free_bytes - model_bytes - RESERVE_BYTES) / window_bytes)
    return max(1, min(wanted, MOST_SLOTS[device], fitting))


def make_worker_config(
    *, name: str, models: Sequence[str], slots: int, device: str, backend: str, memory: int = 0
) -> WorkerConfig:
    """The configuration behind `manage.py worker`'s options; 0 and no `models` mean the default.

    Without `models` every active model of the catalogue may be loaded, the default one first.
    Raises `ImproperlyConfigured` with a sentence for the operator.
    """
    if backend == "paced":
        return _paced_config(name, list(models), slots)
    devices = ("gpu", "cpu") if device == "auto" and sees_accelerator() else (device.replace("auto", "cpu"),)
    rows = [find_model(slug) for slug in models or [""]]
    plan = Plan(slots=slots, devices=devices, budget=memory or default_budget())
    first = plan.offer(look_again(rows[0]))
    if first.need_bytes > plan.budget and memory:
        raise ImproperlyConfigured(
            f"{first.slug} needs about {in_gigabytes(first.need_bytes)} of memory and the budget is "
            f"{in_gigabytes(plan.budget)}: give the worker more with --memory, or choose another --model."
        )
    return WorkerConfig(
        name=name,
        first=first,
        others=lambda: plan.offers(list(models)),
        slots=first.engines()[0].slots,
        device=devices[0],
        budget=max(plan.budget, first.need_bytes),
    )


def default_budget() -> int:
    """What this machine has left for models, but for a reserve."""
    return max(0, psutil.virtual_memory().available - RESERVE_BYTES)


def in_gigabytes(count: int) -> str:
    """A size for people."""
    return f"{count / 1e9:.1f} GB"


def _paced_config(name: str, models: list[str], slots: int) -> WorkerConfig:
    cores = usable_cores()
    count = slots or default_slots(cores=cores, free_bytes=1 << 40, model_bytes=0, n_ctx=1)

    def offer(slug: str) -> Offer:
        engine = EngineConfig(
            model=slug,
            backend="paced",
            slots=count,
            n_ctx=settings.ENGINE_CONTEXT,
            n_batch=PACED_BATCH,
            paced_rate=settings.PACED_RATE,
            **engine_tuning(),
        )
        return Offer(slug=slug, need_bytes=0, engines=lambda: (engine,))

    offers = [offer(slug) for slug in models or [PACED_MODEL]]
    return WorkerConfig(name=name, first=offers[0], others=lambda: offers, slots=count)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a worker would load any model of the catalogue."""

    slots: int
    devices: tuple[str, ...]
    budget: int

    def offers(self, slugs: Collection[str]) -> list[Offer]:
        """The active models whose files are here, of those named if any are."""
        rows = LanguageModel.objects.filter(is_active=True, is_remote=False)
        rows = rows.filter(slug__in=slugs) if slugs else rows
        return [self.offer(row) for row in rows if is_on_disk(row)]

    def offer(self, row: LanguageModel) -> Offer:
        """One model."""
        config = self._engine(row, self.devices[0])
        return Offer(
            slug=row.slug,
            need_bytes=estimate_memory(row.size_bytes, config),
            engines=lambda: tuple(self._engine(look_again(row), device) for device in self.devices),
        )

    def _engine(self, row: LanguageModel, device: str) -> EngineConfig:
        n_ctx = min(settings.ENGINE_CONTEXT, row.context_length)
        fitting = default_slots(
            cores=usable_cores(),
            free_bytes=self.budget + RESERVE_BYTES - PROCESS_BYTES,
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
            slots=self.slots or fitting,
            n_ctx=n_ctx,
            threads=settings.ENGINE_THREADS,
            gpu_layers=settings.ENGINE_GPU_LAYERS,
            gpu_devices=settings.ENGINE_GPU_DEVICES,
            tensor_split=settings.ENGINE_TENSOR_SPLIT,
            k_type=cast(KVType, settings.ENGINE_K_TYPE),
            v_type=cast(KVType, settings.ENGINE_V_TYPE),
            **{"retained_bytes": min(MOST_RETAINED, self.budget // 8)} | engine_tuning(),
        )


def estimate_memory(model_bytes: int, config: EngineConfig) -> int:
    """About how many bytes an engine takes: weights, windows, one more to embed in, and what it retains."""
    windows = (config.streams + 1) * config.n_ctx * model_bytes * KV_SHARE
    return round(model_bytes + windows) + config.retained_bytes + PROCESS_BYTES


def has_only_remote_models() -> bool:
    """Whether all active models are somebody else's: a worker then needs none of its own."""
    kinds = set(LanguageModel.objects.filter(is_active=True).values_list("is_remote", flat=True))
    return kinds == {True}


def find_model(slug: str) -> LanguageModel:
    """The active model of that name, or the default one. Raises `ImproperlyConfigured`."""
    active = LanguageModel.objects.filter(is_active=True)
    ours = active.filter(is_remote=False).order_by("-is_default", "slug")
    default = ours.filter(is_default=True) if not active.filter(is_default=True, is_remote=True) else ours
    row = active.filter(slug=slug).first() if slug else default.first()
    if row is None:
        missing = f"There is no model named {slug!r}." if slug else "There is no default model."
        raise ImproperlyConfigured(f"{missing} `manage.py model list` shows them, `model add` adds one.")
    if row.is_remote:
        raise ImproperlyConfigured(f"{slug} is served by providers: start a worker with --backend remote.")
    return row


def look_again(row: LanguageModel) -> LanguageModel:
    """The row, brought up to date with its file. Raises `ImproperlyConfigured`."""
    try:
        return check_again(row)
    except ServiceError as error:
        raise ImproperlyConfigured(error.message) from error


def capabilities_of(engine: EngineInfo) -> dict[str, Any]:
    """What a worker tells about itself when it registers."""
    return {
        "backend": engine.backend,
        "context_length": engine.n_ctx,
        "cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def sees_accelerator() -> bool:
    """Whether this machine seems to have a GPU that llama.cpp can use."""
    return sys.platform == "darwin" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()

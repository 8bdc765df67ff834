"""Configurations of workers."""

from __future__ import annotations

from inference.config import EngineConfig
from workers.config import UNLIMITED, Offer, WorkerConfig


def make_offer(*engines: EngineConfig, need_bytes: int = 0) -> Offer:
    """A model by the configurations to try."""
    return Offer(slug=engines[-1].model, need_bytes=need_bytes, engines=lambda: engines)


def worker_config(
    name: str,
    *engines: EngineConfig,
    others: list[Offer] | None = None,
    budget: int = UNLIMITED,
    need: int = 0,
) -> WorkerConfig:
    """A worker whose first model has these configurations, best first, and takes `need` bytes."""
    first = make_offer(*engines, need_bytes=need)
    return WorkerConfig(
        name=name,
        first=first,
        others=lambda: others or [],
        slots=engines[-1].slots,
        device=engines[0].device,
        budget=budget,
    )

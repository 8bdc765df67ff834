"""How large the loads are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """`lines` are queued beside chat, or run under fire; `measured` lines give a throughput."""

    model: str
    lines: int
    measured: int
    probes: int
    megabytes: int
    kill_every_s: float
    rate: float

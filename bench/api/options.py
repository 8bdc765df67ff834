"""How large the loads are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """`messages` are searched in; `model` answers streams."""

    messages: int
    model: str

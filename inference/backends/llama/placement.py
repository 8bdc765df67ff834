"""How much of a model goes to which GPU: as many layers as fit into what is free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

RESERVE_SHARE = 0.05
RESERVE_BYTES = 512 << 20
"""Left free on each device, besides the share: llama.cpp computes there as well."""


class Placement(NamedTuple):
    """`layers` of a model on GPUs, the last ones; `split` tells how many of them each device takes."""

    layers: int
    split: tuple[int, ...]


def place_layers(
    free_bytes: Sequence[int], *, layers: int, model_bytes: int, window_bytes: int, wanted: int = -1
) -> Placement:
    """Place a model of so many layers, whose windows take `window_bytes` in all, on devices with free memory.

    A layer takes its windows' keys and values along. The output counts as one more layer. `wanted` is the
    most that may leave the CPU, -1 for all.
    """
    most = layers + 1 if wanted < 0 else min(wanted, layers + 1)
    layer_bytes = max(1.0, model_bytes / (layers + 1) + window_bytes / max(1, layers))
    rooms = [_usable(free) for free in free_bytes]
    fitting = [int(room / layer_bytes) for room in rooms]
    total = min(most, sum(fitting))
    split = _share(total, rooms, fitting)
    return Placement(total, split)


def _usable(free: int) -> float:
    return max(0.0, free * (1 - RESERVE_SHARE) - RESERVE_BYTES)


def _share(total: int, rooms: Sequence[float], fitting: Sequence[int]) -> tuple[int, ...]:
    """Divide layers by the room there is; what rounding leaves over goes where it cut off most."""
    whole = sum(rooms)
    shares = [total * room / whole if whole else 0.0 for room in rooms]
    split = [min(fits, int(share)) for share, fits in zip(shares, fitting, strict=True)]
    while sum(split) < total:
        cut_most = max(
            (device for device, fits in enumerate(fitting) if split[device] < fits),
            key=lambda device: shares[device] - split[device],
        )
        split[cut_most] += 1
    return tuple(split)

"""How much two token sequences have in common."""

from __future__ import annotations

BLOCK = 256
"""Ids compared at once: slices compare at C speed, so only the block that differs is walked."""


def common_prefix(left: list[int], right: list[int]) -> int:
    """Length of the longest common prefix."""
    size = min(len(left), len(right))
    start = 0
    while start < size and left[start : min(start + BLOCK, size)] == right[start : min(start + BLOCK, size)]:
        start += BLOCK
    end = min(start + BLOCK, size)
    return next((at for at in range(start, end) if left[at] != right[at]), end)


def is_prefix(left: list[int], right: list[int]) -> bool:
    """Whether `right` begins with all of `left`. Of long ones that differ early only a block is compared."""
    size = min(BLOCK, len(left))
    return right[:size] == left[:size] and right[: len(left)] == left

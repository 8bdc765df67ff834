"""Whether a prompt should wait while a running one computes what they have in common."""

from __future__ import annotations

from collections.abc import Iterable

from inference.engine.prefix import common_prefix
from inference.engine.sequence import Sequence


def pays_to_wait(ids: list[int], available: int, running: Iterable[Sequence], *, least: int) -> bool:
    """Whether a running prompt is about to compute more of `ids` than the `available` prefix.

    Only for one that has come at least as far, since it needs no longer than `ids` would need by itself;
    and never for a common prefix shorter than `least`.
    """
    limit = len(ids) - 1
    if limit < least:
        return False
    for other in running:
        if other.pending > 1 and len(other.stream.tokens) >= available:
            shared = min(common_prefix(other.ids, ids), limit)
            if shared >= least and shared > len(other.stream.tokens):
                return True
    return False

"""How many threads to compute with: one for each core, but for those that other programs keep busy.

llama.cpp's threads wait for each other some hundred times a token, and spin meanwhile: one that has lost its
core to another program holds up all the others, who burn theirs.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

import psutil

LOOK_S = 1.0
TOLERATED = 0.75
"""So much of a core that others use costs less than a thread."""


def busy_elsewhere_s() -> float:
    """Processor time of all but this process, since the machine was started; who is nice steps aside."""
    spent = psutil.cpu_times()
    kinds = ("user", "system", "irq", "softirq", "steal")
    return float(sum(getattr(spent, kind, 0.0) for kind in kinds)) - time.process_time()


class Cores:
    """`count` threads are right for now. `look` at most once a second, from one thread."""

    def __init__(
        self,
        total: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        busy_elsewhere: Callable[[], float] = busy_elsewhere_s,
    ) -> None:
        self.count = total
        self._total = total
        self._clock = clock
        self._busy_elsewhere = busy_elsewhere
        self._looked_at = clock()
        self._seen = busy_elsewhere()

    def look(self) -> bool:
        """Measure again, if it is time to; whether the count has changed."""
        now = self._clock()
        elapsed = now - self._looked_at
        if elapsed < LOOK_S:
            return False
        seen = self._busy_elsewhere()
        taken = max(0, math.ceil((seen - self._seen) / elapsed - TOLERATED))
        self._looked_at, self._seen = now, seen
        before, self.count = self.count, max(1, self._total - taken)
        return self.count != before


def sees_all_cores(cores: int) -> bool:
    """Whether what the machine does is done on the cores that this process may use."""
    return cores == os.cpu_count()

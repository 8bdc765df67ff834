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
TOLERATED_BRIEFLY = 1.5
LASTING_LOOKS = 4
"""A burst of requests keeps their own web process and worker busy for a second or two."""


def busy_elsewhere_s() -> float:
    """Processor time of all but this process, since the machine was started. Who is nice steps aside, unless
    this process is nice itself: its own time is then among that of those, as is that of its equals.
    """
    spent = psutil.cpu_times()
    kinds = ["user", "system", "irq", "softirq", "steal"]
    if os.getpriority(os.PRIO_PROCESS, 0) > 0:
        kinds.append("nice")
    return float(sum(getattr(spent, kind, 0.0) for kind in kinds)) - time.process_time()


class Cores:
    """`count` threads are right for now. `look` at most once a second, from one thread.

    What others use at most `TOLERATED_BRIEFLY` costs a thread only where it lasts for `LASTING_LOOKS`.
    """

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
        self._looked_at = self._computed_at = clock()
        self._seen = busy_elsewhere()
        self._crowded_looks = 0

    def look(self) -> bool:
        """Measure again, if it is time to; whether the count has changed. What others did while nothing was
        computed here does not count: whoever waits for a reply leaves the machine to it.
        """
        now = self._clock()
        elapsed = now - self._looked_at
        if elapsed < LOOK_S:
            return False
        seen = self._busy_elsewhere()
        load = (seen - self._seen) / elapsed
        self._looked_at, self._seen = now, seen
        if now - self._computed_at >= LOOK_S:
            return False
        before, self.count = self.count, self._fitting(load)
        return self.count != before

    def computed(self) -> None:
        """Take note that a batch has just been computed."""
        self._computed_at = self._clock()

    def _fitting(self, load: float) -> int:
        lasting, at_once = self._left_by(load - TOLERATED), self._left_by(load - TOLERATED_BRIEFLY)
        self._crowded_looks = self._crowded_looks + 1 if lasting < self.count else 0
        if lasting >= self.count or self._crowded_looks >= LASTING_LOOKS:
            return lasting
        return min(self.count, at_once)

    def _left_by(self, load: float) -> int:
        return max(1, self._total - max(0, math.ceil(load)))


def sees_all_cores(cores: int) -> bool:
    """Whether what the machine does is done on the cores that this process may use."""
    return cores == os.cpu_count()

"""When an engine process counts as hanging."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.process.framing import Pulse

DEADLINES_S = {"loading": 900.0, "prefilling": 60.0, "stepping": 30.0, "embedding": 120.0}
"""How long one phase may last without a step being done. Idle may last for ever."""

SILENCE_S = 15.0
"""How long a child may give no sign of life at all."""


class Health:
    """Follows a child's pulse. Safe from any thread: readers see one consistent observation."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """A new child begins."""
        now = self._clock()
        self._seen: tuple[float, float, tuple[str, int, int]] = (now, now, ("loading", 0, 0))

    def observe(self, pulse: Pulse) -> None:
        """Note a pulse."""
        now = self._clock()
        _, since, place = self._seen
        here = (pulse.phase, pulse.gauges.steps, pulse.gauges.embedded_tokens)
        self._seen = (now, since if here == place else now, here)

    @property
    def is_overdue(self) -> bool:
        """Whether the child is silent, or stuck in its phase."""
        heard, since, (phase, *_) = self._seen
        now = self._clock()
        return now - heard > SILENCE_S or now - since > DEADLINES_S.get(phase, float("inf"))

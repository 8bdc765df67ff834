"""Who is measured: what a workload asks of a server, whichever it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

RETAINED_BYTES = 8 << 30
"""Host memory for prefixes that have no slot: llama-server's default, and so everybody's."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One greedy request, sent `after` seconds into the run."""

    prompt: list[int]
    tokens: int
    after: float = 0.0
    session: str = ""


@dataclass
class Trace:
    """What became of an ask: `times` of its tokens, on the run's clock, and the tokens themselves."""

    asked_at: float
    cached: int = 0
    times: list[float] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)

    @property
    def ttft(self) -> float:
        """Seconds from the ask to the first token."""
        return self.times[0] - self.asked_at


class Server(Protocol):
    """A running model server with a number of slots, in a process of its own."""

    name: str

    def ask(self, ask: Ask, trace: Trace, clock: Callable[[], float]) -> None:
        """Send one request and follow it to its end."""

    def close(self) -> None:
        """Stop it."""


StartServer = Callable[[Path, int, int], Server]
"""Starts a server on a model with so many slots of so many tokens."""


def run(server: Server, asks: Sequence[Ask]) -> list[Trace]:
    """Send every ask at its time, those of one moment in order, and wait for all replies."""
    started_at = time.monotonic()

    def clock() -> float:
        return time.monotonic() - started_at

    def follow(ask: Ask) -> Trace:
        time.sleep(max(0.0, ask.after - clock()))
        trace = Trace(clock())
        server.ask(ask, trace, clock)
        return trace

    with ThreadPoolExecutor(len(asks)) as threads:
        return list(threads.map(follow, asks))

"""What is measured: ours, in this process; and the interface through which a peer is measured as well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from inference.backends import load_backend
from inference.backends.base import Row
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types import Delta, EngineEvent, Failed, Finished, GenerationRequest, SamplingParams, Started

PATIENCE_S = 600.0


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
    """A running model server with a number of slots. A peer's adapter streams from its HTTP API."""

    name: str

    def run(self, asks: Sequence[Ask]) -> list[Trace]:
        """Send every ask at its time and wait for all replies."""

    def close(self) -> None:
        """Stop it."""


StartServer = Callable[[Path, int, int], Server]
"""Starts a server on a model with so many slots of so many tokens."""


class OurServer:
    """The engine on its own loop thread. Knows how much time it spends outside the runtime."""

    name = "parley"

    def __init__(self, model: Path, slots: int, n_ctx: int) -> None:
        # Greedy noise soon repeats itself, which prompt lookup would exploit as no real text could.
        config = EngineConfig(
            model=model.stem, path=model, slots=slots, n_ctx=n_ctx, digest="bench", prompt_lookup=0
        )
        self.engine_s = self.native_s = 0.0
        self.computed = 0
        self._backend = load_backend(config)
        self._decode = self._backend.decode
        self._backend.decode = self._timed_decode  # type: ignore[method-assign]
        self._engine = Engine(self._backend, config)
        self._step = self._engine.step
        self._engine.step = self._timed_step  # type: ignore[method-assign]
        self._asked = 0
        self._stop = threading.Event()
        self._loop = threading.Thread(target=self._engine.run, args=(self._stop,))
        self._loop.start()

    def run(self, asks: Sequence[Ask]) -> list[Trace]:
        """Submit in the order of time from this thread; traces are filled on the loop's."""
        done = threading.Semaphore(0)
        start = time.monotonic()
        traces: dict[int, Trace] = {}
        for number, ask in sorted(enumerate(asks), key=lambda each: each[1].after):
            time.sleep(max(0.0, start + ask.after - time.monotonic()))
            traces[number] = Trace(time.monotonic() - start)
            self._submit(ask, _recorder(traces[number], start, done))
        for _ in asks:
            if not done.acquire(timeout=PATIENCE_S):
                raise TimeoutError("the engine does not answer")
        return [traces[number] for number in range(len(asks))]

    def close(self) -> None:
        """End the loop and free the model."""
        self._stop.set()
        self._loop.join()
        self._engine.close()

    def _submit(self, ask: Ask, emit: Callable[[EngineEvent], None]) -> None:
        self._asked += 1
        sampling = SamplingParams(temperature=0, max_tokens=ask.tokens, seed=0)
        request = GenerationRequest(
            request_id=str(self._asked), prompt_ids=ask.prompt, sampling=sampling, cache_key=ask.session
        )
        self._engine.submit(request, emit)

    def _timed_decode(self, rows: Sequence[Row]) -> None:
        started_at = time.perf_counter()
        self._decode(rows)
        self.native_s += time.perf_counter() - started_at
        self.computed += len(rows)

    def _timed_step(self) -> bool:
        started_at = time.perf_counter()
        worked = self._step()
        self.engine_s += time.perf_counter() - started_at if worked else 0.0
        return worked


def _recorder(trace: Trace, start: float, done: threading.Semaphore) -> Callable[[EngineEvent], None]:
    def emit(event: EngineEvent) -> None:
        match event:
            case Started():
                trace.cached = event.cached_tokens
            case Delta():
                trace.times += [time.monotonic() - start] * len(event.token_ids)
                trace.token_ids += event.token_ids
            case Finished() | Failed():
                done.release()

    return emit

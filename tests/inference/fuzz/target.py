"""One engine process that must survive every request, with a well-behaved neighbour beside each."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import msgspec

from inference.config import EngineConfig
from inference.process import EngineClient
from inference.types.events import EngineEvent, Failed, Finished
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams

PATIENCE_S = 20.0
NEIGHBOUR = [72, 101, 108, 108, 111]


class Target:
    """A llama engine in a process of its own, on a model of noise."""

    def __init__(self, model: Path) -> None:
        self._client = EngineClient(EngineConfig(model="fuzz", path=model, slots=2, n_ctx=256, threads=1))
        self._client.start()
        self._numbers = itertools.count()
        self._pid = self._client.pid

    def attack(self, request: GenerationRequest) -> Failed | Finished:
        """Run a request and its neighbour. Raises `AssertionError` when the engine dies or stalls."""
        number = next(self._numbers)
        fuzzed = _Ending()
        neighbour = _Ending()
        self._client.submit(msgspec.structs.replace(request, request_id=f"fuzzed-{number}"), fuzzed)
        plain = SamplingParams(temperature=0, max_tokens=3, ignore_eos=True)
        self._client.submit(
            GenerationRequest(request_id=f"neighbour-{number}", prompt_ids=NEIGHBOUR, sampling=plain),
            neighbour,
        )
        ends = [ending.wait() for ending in (fuzzed, neighbour)]
        assert self._client.pid == self._pid, "the engine's process died"
        assert isinstance(ends[1], Finished), f"the neighbour failed: {ends[1]}"
        assert not isinstance(ends[0], Failed) or ends[0].message.strip()
        return ends[0]

    def close(self) -> None:
        """Let the process leave."""
        self._client.close()


class _Ending:
    """Waits for the one terminal event."""

    def __init__(self) -> None:
        self._ends: list[Failed | Finished] = []
        self._ended = threading.Event()

    def __call__(self, event: EngineEvent) -> None:
        if isinstance(event, Failed | Finished):
            self._ends.append(event)
            self._ended.set()

    def wait(self) -> Failed | Finished:
        assert self._ended.wait(PATIENCE_S), "a request neither finished nor failed"
        assert len(self._ends) == 1, "a request ended twice"
        return self._ends[0]

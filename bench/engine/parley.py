"""Parley's engine as a worker runs it: in a supervised process, told and heard through its client."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.engine.servers import RETAINED_BYTES, Ask, Trace
from inference.config import EngineConfig
from inference.process import EngineClient
from inference.types.events import Delta, EngineEvent, Failed, Finished, Started
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams

ACKNOWLEDGED_TOGETHER = 16
"""A worker's flusher takes what came since its last tick."""


class ParleyServer:
    """The engine with a worker's defaults, but for the `settings` given."""

    name = "parley"

    def __init__(self, model: Path, slots: int, n_ctx: int, **settings: Any) -> None:
        self._numbers = itertools.count()
        self._client = EngineClient(make_config(model, slots, n_ctx, **settings))
        self._client.start()

    def ask(self, ask: Ask, trace: Trace, clock: Callable[[], float]) -> None:
        """Submit, acknowledge now and then as a worker does, and wait for the end."""
        ended = threading.Event()
        unacknowledged = 0
        request_id = str(next(self._numbers))

        def hear(event: EngineEvent) -> None:
            nonlocal unacknowledged
            match event:
                case Started():
                    trace.cached = event.cached_tokens
                case Delta():
                    trace.times += [clock()] * len(event.token_ids)
                    trace.token_ids += event.token_ids
                    unacknowledged += len(event.token_ids)
                    if unacknowledged >= ACKNOWLEDGED_TOGETHER:
                        self._client.acknowledge(request_id, unacknowledged)
                        unacknowledged = 0
                case Finished() | Failed():
                    ended.set()

        self._client.submit(make_request(request_id, ask), hear)
        ended.wait()

    def prepare(self, messages: Sequence[PromptMessage]) -> PreparedPrompt:
        """A conversation as the model's template has it."""
        return self._client.prepare(messages)

    def close(self) -> None:
        """Let the process leave."""
        self._client.close()


def make_config(model: Path, slots: int, n_ctx: int, **settings: Any) -> EngineConfig:
    """Without prompt lookup: greedy noise soon repeats itself, which it would exploit as no text allows."""
    chosen = {"prompt_lookup": 0, "retained_bytes": RETAINED_BYTES} | settings
    return EngineConfig(model=model.stem, path=model, slots=slots, n_ctx=n_ctx, digest="bench", **chosen)


def make_request(request_id: str, ask: Ask) -> GenerationRequest:
    """A greedy request."""
    sampling = SamplingParams(temperature=0, max_tokens=ask.tokens, seed=0)
    return GenerationRequest(
        request_id=request_id, prompt_ids=ask.prompt, sampling=sampling, cache_key=ask.session
    )

"""Ask a llama backend directly, or through an engine of its own."""

from __future__ import annotations

from typing import Any

import llama_cpp
import numpy as np

from inference.backends.base import Row
from inference.backends.llama.backend import LlamaBackend
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types.sampling import SamplingParams
from tests.support.engine import Recorder, drain, make_request

FREE = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 1}
"""Sampling from the model's own distribution."""


def answer(backend: LlamaBackend, config: EngineConfig, prompt: list[int], **options: Any) -> Recorder:
    """One request, named "a", alone in a fresh engine."""
    seen = Recorder()
    engine = Engine(backend, config)
    for stream in range(config.slots):
        backend.keep(stream, 0)
    engine.submit(make_request("a", prompt, **options), seen)
    drain(engine)
    return seen


def compute(backend: LlamaBackend, ids: list[int]) -> np.ndarray:
    """The logits after a prompt alone in stream 0; they stay in the last row, `len(ids) - 1`."""
    backend.keep(0, 0)
    backend.decode([Row(0, token_id, at, at == len(ids) - 1) for at, token_id in enumerate(ids)])
    return logits_of(backend, len(ids) - 1)


def logits_of(backend: LlamaBackend, row: int) -> np.ndarray:
    """A row's logits, to be kept."""
    pointer = llama_cpp.llama_get_logits_ith(backend._context, row)
    return np.ctypeslib.as_array(pointer, shape=(backend.n_vocab,)).copy()


def prefill(backend: LlamaBackend, stream: int, ids: list[int], start: int = 0) -> np.ndarray:
    """The logits after the ids from `start` on, which are put into a stream."""
    rows = [Row(stream, ids[at], at, at == len(ids) - 1) for at in range(start, len(ids))]
    backend.decode(rows)
    return logits_of(backend, len(rows) - 1)


def draws(
    backend: LlamaBackend, ids: list[int], count: int, *, spoken: list[int] | None = None, **options: Any
) -> list[int]:
    """Independent draws of the token after a prompt that `compute` has just seen; `spoken` came before."""
    params = SamplingParams(**{**FREE, **options})
    drawn = []
    for position in range(count):
        sampler = backend.make_sampler(params, spoken or [])
        drawn.append(backend.sample(len(ids) - 1, sampler, position))
        sampler.close()
    return drawn

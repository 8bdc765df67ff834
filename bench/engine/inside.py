"""The engine on this thread, where the time of its steps can be taken apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import llama_cpp
import msgspec

from bench.engine.model import find_model
from bench.engine.parley import make_config
from bench.engine.workloads import Figures, words
from inference.backends import load_backend
from inference.engine.engine import Engine
from inference.prompt import prepare_prompt
from inference.telemetry import Listener, TelemetryEvent
from inference.types.events import Delta, EngineEvent, Failed, Finished
from inference.types.prompts import PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.sampling import SamplingParams

Taken = Iterator[tuple[str, Figures]]

QUESTION = "Count from 1 to 50."
"""What the demo model says twice in the same words."""
WAITED_FOR = (
    "llama_decode",
    "llama_get_logits",
    "llama_sampler_apply",
    "llama_sampler_accept",
    "llama_sampler_free",
    "llama_sampler_init_dist",
)
"""What the engine's loop calls in every step."""


class Inside:
    """Runs requests to their end."""

    def __init__(
        self, model: Path, slots: int, n_ctx: int, *, listener: Listener | None = None, **settings: Any
    ) -> None:
        config = make_config(model, slots, n_ctx, **settings)
        self.backend = load_backend(config)
        self.engine = Engine(self.backend, config, listener=listener)

    def run(self, prompts: list[list[int]], sampling: SamplingParams) -> list[list[int]]:
        """The replies to prompts that arrive together."""
        replies: dict[str, list[int]] = {str(number): [] for number in range(len(prompts))}
        left = set(replies)

        def hear(event: EngineEvent) -> None:
            if isinstance(event, Delta):
                replies[event.request_id] += event.token_ids
            elif isinstance(event, Finished | Failed):
                left.discard(event.request_id)

        for number, prompt in enumerate(prompts):
            request = GenerationRequest(request_id=str(number), prompt_ids=prompt, sampling=sampling)
            self.engine.submit(request, hear)
        while left:
            self.engine.step()
        return list(replies.values())


def overhead(repeat: int, *, size: str = "135m", streams: int = 16, tokens: int = 64) -> Taken:
    """The share of the steps' time that is spent outside llama.cpp."""
    heard: list[TelemetryEvent] = []
    greedy, sampled = SamplingParams(temperature=0, seed=0), SamplingParams(seed=0)
    kinds: dict[str, tuple[SamplingParams, Listener | None]] = {
        "greedy": (greedy, None),
        "sampled": (sampled, None),
        "sampled, listened to": (sampled, heard.append),
    }
    prompts = [words(16, number) for number in range(streams)]
    for _ in range(repeat):
        for name, (sampling, listener) in kinds.items():
            inside = Inside(find_model(size), streams, 512, listener=listener)
            params = msgspec.structs.replace(sampling, max_tokens=tokens)
            with native_seconds() as native:
                started_at = time.perf_counter()
                inside.run(prompts, params)
                took = time.perf_counter() - started_at
            steps = inside.engine.gauges().steps
            inside.engine.close()
            outside = took - sum(native)
            yield name, {"% outside llama.cpp": 100 * outside / took, "us a step": 1e6 * outside / steps}


def lookup(repeat: int, *, tokens: int = 300) -> Taken:
    """A question asked again: the same reply once more, with and without guesses."""
    for _ in range(repeat):
        for name, length in (("plain", 0), ("parley", None)):
            inside = Inside(find_model("demo"), 1, 2048, prompt_lookup=length)
            sampling = SamplingParams(temperature=0, seed=0, max_tokens=tokens)
            asked = [PromptMessage(role="user", content=QUESTION)]
            first = inside.run([_tokens_of(inside, asked)], sampling)[0]
            said = b"".join(map(inside.backend.piece, first)).decode()
            again = _tokens_of(inside, [*asked, PromptMessage(role="assistant", content=said), *asked])
            before = inside.engine.gauges()
            started_at = time.perf_counter()
            reply = inside.run([again], sampling)[0]
            took = time.perf_counter() - started_at
            after = inside.engine.gauges()
            inside.engine.close()
            guessed = max(1, after.drafted_tokens - before.drafted_tokens)
            yield (
                name,
                {
                    "tok/s": len(reply) / took,
                    "output": crc32(repr(reply).encode()),
                    "% accepted": 100 * (after.accepted_tokens - before.accepted_tokens) / guessed,
                },
            )


def _tokens_of(inside: Inside, messages: list[PromptMessage]) -> list[int]:
    return prepare_prompt(inside.backend, messages, "", inside.backend.n_ctx).token_ids


@contextmanager
def native_seconds() -> Iterator[list[float]]:
    """The time that llama.cpp takes meanwhile, call by call."""
    seconds: list[float] = []

    def timed(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            started_at = time.perf_counter()
            result = original(*arguments)
            seconds.append(time.perf_counter() - started_at)
            return result

        return call

    originals = {name: getattr(llama_cpp, name) for name in WAITED_FOR}
    for name, original in originals.items():
        setattr(llama_cpp, name, timed(original))
    yield seconds
    for name, original in originals.items():
        setattr(llama_cpp, name, original)

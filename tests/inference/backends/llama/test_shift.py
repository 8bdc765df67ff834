"""Context shift in llama.cpp itself.

In a model of one layer what is kept of a token depends on the token alone: there, and only there, a window
that was shifted is exactly one that was computed afresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.backends.base import Row
from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types.context import ContextShift
from inference.types.requests import Resume
from tests.support.engine import Recorder, drain, make_request
from tests.support.gguf import write_random_gguf
from tests.support.llama import logits_of

N_CTX = 64
SHIFT = ContextShift(keep=8)
GREEDY: dict[str, Any] = {"temperature": 0, "ignore_eos": True}
WORDS = list(b"the heron stood on one leg and looked at the river for a while")


def load(folder: Path, layers: int, **changes: Any) -> tuple[LlamaBackend, EngineConfig]:
    path = write_random_gguf(folder / f"{layers}.gguf", layers=layers)
    given: dict[str, Any] = {"slots": 2, "n_ctx": N_CTX, "threads": 1, "flash_attention": False}
    given |= {"k_type": "f32", "v_type": "f32"} | changes  # turned twice, f16 would be rounded twice
    config = EngineConfig(model="random", path=path, digest="d", **given)
    return load_llama_backend(config), config


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LlamaBackend, EngineConfig]]:
    loaded = load(tmp_path_factory.mktemp("shallow"), 1)
    yield loaded
    loaded[0].close()


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LlamaBackend, EngineConfig]]:
    loaded = load(tmp_path_factory.mktemp("deep"), 2)
    yield loaded
    loaded[0].close()


def compute(backend: LlamaBackend, stream: int, ids: list[int], start: int = 0) -> np.ndarray:
    backend.decode([Row(stream, ids[at], at, at == len(ids) - 1) for at in range(start, len(ids))])
    return logits_of(backend, len(ids) - 1 - start)


def run(loaded: tuple[LlamaBackend, EngineConfig], **requests: Any) -> Recorder:
    """Requests that run together in a fresh engine."""
    backend, config = loaded
    engine, seen = Engine(backend, config), Recorder()
    for name, options in requests.items():
        engine.submit(make_request(name, **GREEDY | options), seen)
    drain(engine)
    return seen


@pytest.mark.parametrize("copied", [False, True])
def test_moved_cells_are_what_a_fresh_computation_gives(
    shallow: tuple[LlamaBackend, EngineConfig], copied: bool
) -> None:
    backend, _ = shallow
    assert backend.can_shift
    for stream in (0, 1):
        backend.keep(stream, 0)
    window = [*WORDS[:8], *WORDS[24:]]
    fresh = compute(backend, 1, [*window, 7])
    compute(backend, 0, WORDS)
    assert backend.shift(0, 8, 16)
    if copied:
        backend.copy(0, 1)  # before the move has been made
    assert np.allclose(compute(backend, int(copied), [*window, 7], len(window)), fresh, atol=1e-4)
    assert backend.keep(0, N_CTX) == len(window) + (not copied)


def test_a_reply_goes_on_beyond_its_window_and_its_neighbour_hears_nothing_of_it(
    deep: tuple[LlamaBackend, EngineConfig],
) -> None:
    neighbour = {"prompt_ids": list(b"hello"), "max_tokens": 50}
    alone = run(deep, neighbour=neighbour).token_ids("neighbour")
    seen = run(deep, neighbour=neighbour, long={"prompt_ids": WORDS[:40], "max_tokens": 300, "shift": SHIFT})
    assert seen.token_ids("neighbour") == alone
    assert len(seen.token_ids("long")) == 300
    assert seen.finished("long").finish_reason == "length"
    cut = run(deep, long={"prompt_ids": WORDS[:40], "max_tokens": 300})
    assert cut.token_ids("long") == seen.token_ids("long")[: N_CTX - 40]


def test_a_window_that_was_shifted_is_no_prefix_for_others(deep: tuple[LlamaBackend, EngineConfig]) -> None:
    backend, config = deep
    engine, seen = Engine(backend, config), Recorder()
    engine.submit(make_request("a", WORDS[:40], max_tokens=60, shift=SHIFT, **GREEDY), seen)
    window: list[int] = []
    while engine.step():
        window = next((list(each.ids) for each in engine._scheduler.running), window)
    engine.submit(make_request("b", window, max_tokens=8, **GREEDY), seen)
    drain(engine)
    assert seen.started("b").cached_tokens == SHIFT.keep
    fresh = run(deep, b={"prompt_ids": window, "max_tokens": 8})
    assert seen.token_ids("b") == fresh.token_ids("b")


@pytest.mark.parametrize("kill", [10, 56, 57, 130])
def test_a_resumed_reply_rebuilds_its_window(shallow: tuple[LlamaBackend, EngineConfig], kill: int) -> None:
    request = {"prompt_ids": WORDS[:40], "max_tokens": 200, "shift": SHIFT}
    uncut = run(shallow, a=request)
    ids = uncut.token_ids("a")
    first = run(shallow, a=request | {"max_tokens": kill})
    resume = Resume(token_ids=first.token_ids("a"), text=first.text("a"))
    second = run(shallow, a=request | {"resume": resume})
    assert [*resume.token_ids, *second.token_ids("a")] == ids
    assert second.finished("a").usage.completion_tokens == 200


def test_guesses_change_nothing_about_a_shifted_reply(tmp_path: Path) -> None:
    request = {"prompt_ids": WORDS[:20], "max_tokens": 200, "shift": SHIFT}
    replies = []
    for length in (0, 3):
        loaded = load(tmp_path, 1, prompt_lookup=length)
        backend, config = loaded
        engine, seen = Engine(backend, config), Recorder()
        engine.submit(make_request("a", **GREEDY | request), seen)
        drain(engine)
        replies.append(seen.token_ids("a"))
        assert bool(engine.gauges().drafted_tokens) == bool(length)
        engine.close()
    assert replies[0] == replies[1]
    assert len(replies[0]) == 200

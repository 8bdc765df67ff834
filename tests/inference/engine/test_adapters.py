"""Sequences with and without adapters side by side: on llama.cpp as each alone, and in the cache apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types.requests import Adapter
from tests.support.engine import Recorder, drain, make_request, paced_config
from tests.support.gguf import write_random_gguf
from tests.support.llama import compute
from tests.support.lora import write_lora_gguf

PROMPT = list(range(40, 80))


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    directory = tmp_path_factory.mktemp("adapters")
    paths = [write_lora_gguf(directory / f"{seed}.gguf", seed=seed) for seed in range(2)]
    return [Adapter(path=str(path), digest=str(number)) for number, path in enumerate(paths)]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    path = write_random_gguf(tmp_path_factory.mktemp("model") / "m.gguf")
    return EngineConfig(model="m", path=path, digest="d", slots=3, n_ctx=256, threads=1)


@pytest.fixture
def llama(config: EngineConfig) -> Iterator[LlamaBackend]:
    backend = load_llama_backend(config)
    yield backend
    backend.close()


def say(backend: LlamaBackend, config: EngineConfig, *wanted: Adapter | None) -> list[list[int]]:
    """What requests with these adapters say to the same prompt, side by side in a fresh engine."""
    seen, engine = Recorder(), Engine(backend, config)
    for stream in range(config.streams):
        backend.keep(stream, 0)
    for number, adapter in enumerate(wanted):
        request = make_request(str(number), PROMPT, adapter=adapter, temperature=0.0, max_tokens=24)
        engine.submit(request, seen)
    drain(engine)
    return [seen.token_ids(str(number)) for number in range(len(wanted))]


def test_each_speaks_side_by_side_as_it_does_alone(
    llama: LlamaBackend, config: EngineConfig, adapters: list[Adapter]
) -> None:
    wanted = [None, *adapters]
    alone = [say(llama, config, adapter)[0] for adapter in wanted]

    assert len({tuple(ids) for ids in alone}) == 3, "an adapter changes what is said"
    assert say(llama, config, *wanted) == alone
    assert say(llama, config, *reversed(wanted)) == alone[::-1]


def test_a_scale_of_nothing_is_the_model_itself(llama: LlamaBackend, adapters: list[Adapter]) -> None:
    plain = compute(llama, PROMPT)
    silent = Adapter(path=adapters[0].path, digest="0", scale=0.0)
    for adapter, changes in ((silent, False), (adapters[0], True), (None, False)):
        if adapter is not None:
            llama.load_adapter(adapter)
        llama.use_adapter(adapter)
        assert bool(abs(compute(llama, PROMPT) - plain).max() > 0.01) == changes


@pytest.mark.parametrize("make", ["missing", "damaged", "foreign", "larger"])
def test_an_adapter_that_does_not_fit_fails_its_request_alone(
    llama: LlamaBackend, config: EngineConfig, tmp_path: Path, make: str
) -> None:
    path = tmp_path / "a.gguf"
    if make == "damaged":
        path.write_bytes(b"GGUF" + bytes(100))
    elif make != "missing":
        foreign = make == "foreign"
        write_lora_gguf(path, architecture="qwen2" if foreign else "llama", dim=64 if foreign else 128)
    seen, engine = Recorder(), Engine(llama, config)
    engine.submit(make_request("bad", PROMPT, adapter=Adapter(path=str(path))), seen)
    engine.submit(make_request("good", PROMPT), seen)
    drain(engine)

    assert seen.failed("bad").code == "adapter_failed"
    assert "a.gguf is missing, damaged or made for another model" in seen.failed("bad").message
    assert seen.finished("good")


FLAVOURS = st.sampled_from([None, Adapter(path="a"), Adapter(path="b")])
TURNS = st.tuples(FLAVOURS, st.lists(st.integers(0, 3), min_size=1, max_size=90), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(st.lists(TURNS, min_size=1, max_size=12))
def test_nothing_computed_with_one_adapter_is_used_with_another(
    turns: list[tuple[Adapter | None, list[int], int]],
) -> None:
    """The paced backend refuses to go on with a stream of another adapter, and checks what is restored."""
    config = paced_config(n_ctx=256, slots=2, retained_bytes=4000)
    seen, engine = Recorder(), Engine(PacedBackend(config), config)
    for number, (adapter, prompt, tokens) in enumerate(turns):
        engine.submit(make_request(str(number), prompt, adapter=adapter, max_tokens=tokens), seen)
        engine.step()
    drain(engine)

    for number, (_, prompt, tokens) in enumerate(turns):
        assert seen.text(str(number)) == expected_text(prompt, tokens)

"""llama.cpp itself, on a model of noise: exact where it must be, careful where it would abort."""

from __future__ import annotations

import ctypes
from random import Random
from typing import Any

import llama_cpp
import msgspec
import numpy as np
import pytest

from inference.backends.base import DecodeError, Row
from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types.requests import Priority, Resume
from inference.types.sampling import SamplingParams
from tests.support.engine import FakeClock, Recorder, drain, make_request
from tests.support.llama import FREE, answer, prefill

PROMPT = "The heron stood on one leg and said hello to the river."


def test_control_tokens_are_spelt_where_asked_for(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    (start,) = llama.tokenize("<|im_start|>")
    options: dict[str, Any] = FREE | {"logit_bias": {start: 100.0}, "max_tokens": 2}
    prompt = llama.tokenize("hi")
    assert answer(llama, llama_config, prompt, **options).text("a") == ""
    spelt = answer(llama, llama_config, prompt, **options, spelled_ids=(start,))
    assert spelt.text("a") == "<|im_start|>" * 2


def test_however_prefixes_travel_the_engine_says_what_a_fresh_context_says(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    system = llama.tokenize(PROMPT)
    prompts = {name: [*system, *llama.tokenize(name * 40)] for name in "abcd"}
    seen = Recorder()
    config = msgspec.structs.replace(llama_config, slots=2, spare_streams=1)
    engine = Engine(llama, config, clock=FakeClock())  # where restoring takes long, less is restored
    for turn in (1, 2):
        for name, prompt in prompts.items():
            engine.submit(make_request(f"{name}{turn}", prompt * turn, temperature=0, max_tokens=12), seen)
        drain(engine)
    assert seen.started("a1").cached_tokens == 0
    assert all(seen.started(f"{name}1").cached_tokens >= len(system) for name in "bcd")
    assert all(seen.started(f"{name}2").cached_tokens >= len(prompts[name]) for name in "abcd")
    for turn in (1, 2):
        for name, prompt in prompts.items():
            alone = answer(llama, llama_config, prompt * turn, temperature=0, max_tokens=12)
            assert seen.text(f"{name}{turn}") == alone.text("a"), (name, turn)


@pytest.mark.parametrize("budget", [0, 1 << 30])
def test_a_sequence_that_loses_its_stream_goes_on_as_if_nothing_had_happened(
    llama: LlamaBackend, llama_config: EngineConfig, budget: int
) -> None:
    config = msgspec.structs.replace(llama_config, slots=1, spare_streams=2, retained_bytes=budget)
    seen, ids = Recorder(), llama.tokenize(PROMPT)
    engine = Engine(llama, config)
    engine.submit(make_request("batch", ids, priority="batch", temperature=0, max_tokens=40), seen)
    for turn in range(6):
        engine.step()
        other = llama.tokenize(f"{turn} is something else entirely, said at quite some length.")
        engine.submit(make_request(str(turn), other, temperature=0, max_tokens=2), seen)
    drain(engine)
    assert seen.token_ids("batch") == answer(
        llama, llama_config, ids, temperature=0, max_tokens=40
    ).token_ids("a")


@pytest.mark.parametrize("temperature", [0, 0.2, 1])
def test_prompt_lookup_says_what_plain_decoding_says(
    llama: LlamaBackend, llama_config: EngineConfig, temperature: float
) -> None:
    ids = llama.tokenize("the heron the heron the heron the heron the")
    plain = msgspec.structs.replace(llama_config, prompt_lookup=0)
    options: dict[str, Any] = {"temperature": temperature, "repeat_penalty": 1.1, "max_tokens": 120}
    expected = answer(llama, plain, ids, **options)
    engine, seen = Engine(llama, llama_config), Recorder()
    engine.submit(make_request("a", ids, **options), seen)
    drain(engine)
    assert seen.token_ids("a") == expected.token_ids("a")
    assert engine.gauges().drafted_tokens > 0 or temperature == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_crowded_engine_says_what_a_fresh_context_says(
    llama: LlamaBackend, llama_config: EngineConfig, seed: int
) -> None:
    random = Random(seed)
    config = msgspec.structs.replace(llama_config, retained_bytes=random.choice([0, 200_000, 1 << 30]))
    beginnings = [llama.tokenize(PROMPT), llama.tokenize(PROMPT[:30] + "it was tired and went to sleep.")]
    engine, seen, prompts = Engine(llama, config), Recorder(), list[list[int]]()
    for number in range(10):
        shared = random.choice([*beginnings, *prompts])[:120]
        prompts.append([*shared, *llama.tokenize(str(random.random()) * random.randint(1, 3))])
        priority: Priority = "batch" if random.random() < 0.5 else "interactive"
        request = make_request(str(number), prompts[-1], priority=priority, temperature=0, max_tokens=10)
        engine.submit(request, seen)
        for _ in range(random.randint(0, 6)):
            engine.step()
            held = [llama_cpp.llama_memory_seq_pos_max(llama._memory, index) + 1 for index in range(3)]
            assert held == [len(stream.tokens) for stream in engine._kv.streams]
    drain(engine)
    for number, prompt in enumerate(prompts):
        alone = answer(llama, llama_config, prompt, temperature=0, max_tokens=10)
        assert seen.token_ids(str(number)) == alone.token_ids("a"), number


def test_two_turns_in_the_engine_equal_one_fresh_prompt(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    seen = Recorder()
    engine = Engine(llama, llama_config)
    first = llama.tokenize(PROMPT)
    engine.submit(make_request("a", first, temperature=0), seen)
    drain(engine)
    second = [*first, *seen.token_ids("a"), *llama.tokenize(" And then?")]
    engine.submit(make_request("b", second, temperature=0, max_tokens=20), seen)
    drain(engine)
    assert seen.started("b").cached_tokens >= len(first)
    fresh = answer(llama, llama_config, second, temperature=0, max_tokens=20)
    assert fresh.started("a").cached_tokens == 0
    assert seen.text("b") == fresh.text("a")


@pytest.mark.parametrize("temperature", [0, 1])
def test_the_engine_says_what_a_plain_loop_says(
    llama: LlamaBackend, llama_config: EngineConfig, temperature: float
) -> None:
    ids = llama.tokenize(PROMPT)
    seen = answer(llama, llama_config, ids, temperature=temperature, max_tokens=12)
    llama.keep(0, 0)
    sampler = llama.make_sampler(SamplingParams(temperature=temperature, seed=1), ids)
    reply: list[int] = []
    while len(reply) < len(seen.token_ids("a")):
        start = 0 if not reply else len(ids) + len(reply) - 1
        rows = [Row(0, (ids + reply)[at], at, True) for at in range(start, len(ids) + len(reply))]
        llama.decode(rows)
        reply.append(llama.sample(len(rows) - 1, sampler, len(reply)))
    sampler.close()
    assert seen.token_ids("a") == reply


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"temperature": 1}, {"repeat_penalty": 1.5, "top_k": 0}]
)
@pytest.mark.parametrize("kill", [1, 7, 19])
def test_a_resumed_attempt_draws_as_the_first_would(
    llama: LlamaBackend, llama_config: EngineConfig, options: dict[str, object], kill: int
) -> None:
    ids = llama.tokenize(PROMPT)
    uncut = answer(llama, llama_config, ids, max_tokens=20, **options)
    kept = uncut.deltas("a")[:kill]
    resume = Resume(
        token_ids=[token_id for delta in kept for token_id in delta.token_ids],
        text="".join(delta.text for delta in kept),
    )
    rest = answer(llama, llama_config, ids, max_tokens=20, resume=resume, **options)
    assert resume.text + rest.text("a") == uncut.text("a")
    assert rest.finished("a").usage.completion_tokens == uncut.finished("a").usage.completion_tokens


def test_the_seed_decides(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    ids = llama.tokenize(PROMPT)

    def ask(seed: int) -> list[int]:
        seen = answer(llama, llama_config, ids, temperature=1, top_k=0, top_p=1, min_p=0, seed=seed)
        return seen.token_ids("a")

    assert ask(1) == ask(1)
    assert len({tuple(ask(seed)) for seed in range(6)}) == 6


def test_draws_at_different_positions_follow_the_models_distribution(llama: LlamaBackend) -> None:
    raw = prefill(llama, 0, llama.tokenize(PROMPT)).astype(np.float64)
    probabilities = np.exp(raw - raw.max())
    probabilities /= probabilities.sum()
    params = SamplingParams(temperature=1, top_k=0, top_p=1, min_p=0, seed=3)
    sampler = llama.make_sampler(params, [])
    row = len(llama.tokenize(PROMPT)) - 1
    draws = [llama.sample(row, sampler, position) for position in range(4000)]
    sampler.close()
    observed = np.bincount(draws, minlength=llama.n_vocab) / len(draws)
    # Total variation distance of 4,000 exact draws stays well below this; a biased seed does not.
    expected_distance = np.sqrt(2 * probabilities * (1 - probabilities) / np.pi / len(draws)).sum() / 2
    assert np.abs(observed - probabilities).sum() / 2 < 1.3 * expected_distance


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"top_k": 1}, 1),
        ({"top_k": 3}, 3),
        ({"top_p": 0.0}, 1),
        ({"min_p": 1.0}, 1),
        ({"typical_p": 0.001}, 1),
    ],
)
def test_filters_narrow_the_choice(llama: LlamaBackend, options: dict[str, float], allowed: int) -> None:
    ids = llama.tokenize(PROMPT)
    raw = prefill(llama, 0, ids)
    base = {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "seed": 3}
    sampler = llama.make_sampler(msgspec.convert(base | options, SamplingParams), [])
    drawn = {llama.sample(len(ids) - 1, sampler, position) for position in range(60)}
    sampler.close()
    assert len(drawn) == allowed
    if "typical_p" not in options:
        assert drawn <= set(np.argsort(raw)[-allowed:])


@pytest.mark.parametrize(
    "penalty", [{"repeat_penalty": 10}, {"presence_penalty": 2}, {"frequency_penalty": 2}]
)
def test_penalties_count_the_prompt_and_what_was_accepted(
    llama: LlamaBackend, penalty: dict[str, float]
) -> None:
    ids = llama.tokenize(PROMPT)
    raw = prefill(llama, 0, ids)
    best = int(raw.argmax())
    row = len(ids) - 1

    def draw(prompt: list[int], accepted: list[int]) -> int:
        sampler = llama.make_sampler(
            msgspec.convert({"temperature": 0, "seed": 0} | penalty, SamplingParams), prompt
        )
        for token_id in accepted:
            sampler.accept(token_id)
        token = llama.sample(row, sampler, 0)
        sampler.close()
        return token

    assert draw([], []) == best
    assert draw([best] * 60, []) != best
    assert draw([], [best] * 60) != best


def test_calls_that_would_abort_the_process_are_refused(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    sampler = llama.make_sampler(SamplingParams(seed=0), ids)
    with pytest.raises(ValueError, match="no logits"):
        llama.sample(0, sampler, 0)
    prefill(llama, 0, ids)
    with pytest.raises(ValueError, match="no logits"):
        llama.sample(0, sampler, 0)
    sampler.close()
    sampler.close()
    with pytest.raises(ValueError, match="rows"):
        llama.decode([])
    with pytest.raises(ValueError, match="rows"):
        llama.decode([Row(0, 1, at, False) for at in range(llama.n_batch + 1)])


def test_a_batch_the_runtime_refuses_raises_and_leaves_the_rest_usable(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    before = prefill(llama, 0, ids)
    with pytest.raises(DecodeError):
        llama.decode([Row(1, 5, 3, False), Row(1, 5, 1, True)])
    llama.keep(0, 0)
    llama.keep(1, 0)
    assert np.allclose(prefill(llama, 0, ids), before, atol=1e-4)


def test_the_native_structures_are_as_we_think() -> None:
    assert ctypes.sizeof(llama_cpp.llama_token) == 4


def test_every_stream_can_be_filled_to_an_odd_window(llama_config: EngineConfig) -> None:
    config = msgspec.structs.replace(llama_config, slots=3, n_ctx=101, n_batch=32)
    backend = load_llama_backend(config)
    engine, seen = Engine(backend, config), Recorder()
    for name in "abc":
        prompt = backend.tokenize(name * 90)
        engine.submit(make_request(name, prompt, temperature=0, repeat_penalty=2, max_tokens=500), seen)
    drain(engine)
    engine.close()
    for name in "abc":
        finished = seen.finished(name)
        assert finished.finish_reason in ("length", "stop")
        if finished.finish_reason == "length":
            assert finished.usage.prompt_tokens + finished.usage.completion_tokens == 101
    assert any(seen.finished(name).finish_reason == "length" for name in "abc")

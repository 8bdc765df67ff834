"""Every sampler does what its name says, and a resumed attempt draws as the first would have."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.candidates import likeliest, log_softmax
from inference.backends.llama.dry import KEPT
from inference.backends.llama.mirostat import Mirostat
from inference.config import EngineConfig
from inference.types.errors import InferenceError
from inference.types.requests import Resume
from inference.types.sampling import SamplingParams
from tests.support.llama import FREE, answer, compute, draws

PROMPT = "The heron stood on one leg and said hello to the river."


@pytest.fixture
def ids(llama: LlamaBackend) -> list[int]:
    return llama.tokenize(PROMPT)


@pytest.fixture
def raw(llama: LlamaBackend, ids: list[int]) -> np.ndarray:
    return compute(llama, ids)


def probabilities(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(weights / weights.sum())


def test_a_bias_moves_one_token(llama: LlamaBackend, ids: list[int], raw: np.ndarray) -> None:
    best, worst = int(raw.argmax()), int(raw.argmin())
    assert set(draws(llama, ids, 20, logit_bias={worst: 100.0})) == {worst}
    assert draws(llama, ids, 1, temperature=0, logit_bias={best: -100.0}) == [int(np.argsort(raw)[-2])]
    assert draws(llama, ids, 1, temperature=0) == [best]


def test_top_n_sigma_keeps_what_is_near_the_best(
    llama: LlamaBackend, ids: list[int], raw: np.ndarray
) -> None:
    near = set(np.flatnonzero(raw >= raw.max() - raw.std()))
    drawn = set(draws(llama, ids, 400, top_n_sigma=1.0))
    assert drawn <= near
    assert len(drawn) > len(near) / 2
    assert not set(draws(llama, ids, 400)) <= near


def test_typical_p_works_behind_top_n_sigma(llama: LlamaBackend, ids: list[int], raw: np.ndarray) -> None:
    near = np.flatnonzero(raw >= raw.max() - raw.std())
    p = probabilities(raw[near])
    entropy = -(p * np.log(p)).sum()
    typical = near[np.abs(-np.log(p) - entropy).argmin()]
    assert set(draws(llama, ids, 30, top_n_sigma=1.0, typical_p=0.001)) == {typical}


def test_xtc_drops_all_but_the_last_of_the_likely_tokens(
    llama: LlamaBackend, ids: list[int], raw: np.ndarray
) -> None:
    p = probabilities(raw)
    order = np.argsort(-p)
    threshold = float(p[order[2]] + p[order[3]]) / 2
    likely = set(order[:2])
    certain = set(draws(llama, ids, 300, xtc_probability=1.0, xtc_threshold=threshold))
    assert not certain & likely
    assert order[2] in certain
    often = Counter(draws(llama, ids, 1000, xtc_probability=0.5, xtc_threshold=threshold))
    never = Counter(draws(llama, ids, 1000, xtc_probability=0.0, xtc_threshold=threshold))
    ratio = sum(often[token] for token in likely) / sum(never[token] for token in likely)
    assert 0.35 < ratio < 0.65


def test_dry_samplers_are_prepared_once_and_remember_nothing_of_a_reply(
    llama: LlamaBackend, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = compute(llama, ids)
    best = int(logits.argmax())
    spoken = [*ids, best, *ids, best, *ids]
    options: dict[str, Any] = {"temperature": 0, "dry_multiplier": 10.0, "dry_sequence_breakers": ()}
    (discouraged,) = draws(llama, ids, 1, spoken=spoken, **options)
    assert discouraged != best
    monkeypatch.setattr(llama._samplers.dry, "_prepare", None)
    assert draws(llama, ids, 1, spoken=spoken, **options) == [discouraged]
    assert draws(llama, ids, 1, **options) == [best]


def test_few_dry_samplers_are_kept(llama: LlamaBackend, ids: list[int]) -> None:
    compute(llama, ids)
    for number in range(KEPT + 3):
        draws(llama, ids, 1, dry_multiplier=1.0 + number)
    assert len(llama._samplers.dry._prepared) == KEPT


def test_dry_discourages_going_on_with_a_repetition(llama: LlamaBackend, ids: list[int]) -> None:
    raw = compute(llama, ids)
    best = int(raw.argmax())
    other = [token for token in range(50, 60) if token != best]
    spoken = [*other[:4], best, *other[4:6], *other[:4]]
    options: dict[str, Any] = {"temperature": 0, "dry_multiplier": 10.0, "dry_sequence_breakers": ()}
    assert draws(llama, ids, 1, spoken=spoken, **options) != [best]
    assert draws(llama, ids, 1, spoken=spoken, temperature=0) == [best]
    assert draws(llama, ids, 1, spoken=spoken, **options, dry_allowed_length=5) == [best]
    assert draws(llama, ids, 1, spoken=spoken, **options, dry_penalty_last_n=4) == [best]
    breaker = llama.piece(other[3]).decode()
    assert draws(llama, ids, 1, spoken=spoken, **options | {"dry_sequence_breakers": (breaker,)}) == [best]


def test_penalties_look_back_as_far_as_they_are_told(llama: LlamaBackend, ids: list[int]) -> None:
    best = int(compute(llama, ids).argmax())
    spoken = [best] * 30 + [best + 1] * 5
    options: dict[str, Any] = {"temperature": 0, "frequency_penalty": 2.0}
    assert draws(llama, ids, 1, spoken=spoken, **options) != [best]
    assert draws(llama, ids, 1, spoken=spoken, **options, repeat_last_n=5) == [best]
    assert draws(llama, ids, 1, spoken=spoken, **options, repeat_last_n=0) == [best]


def test_dynamic_temperature_follows_the_entropy(
    llama: LlamaBackend, ids: list[int], raw: np.ndarray
) -> None:
    p = probabilities(raw)
    relative = -(p * np.log(p)).sum() / np.log(len(p))
    low, high = 1.0 - 0.9, 1.0 + 0.9
    temperature = low + (high - low) * relative**3
    expected = probabilities(raw / temperature).max()
    drawn = draws(llama, ids, 3000, dynatemp_range=0.9, dynatemp_exponent=3.0)
    share = drawn.count(int(raw.argmax())) / len(drawn)
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / len(drawn))
    assert abs(share - p.max()) > 0.02


def test_without_an_end_the_reply_goes_on(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    ids = llama.tokenize(PROMPT)
    (end,) = llama.tokenize("<|im_end|>")
    ending: dict[str, Any] = {"temperature": 0, "logit_bias": {end: 100.0}, "max_tokens": 6}
    plain = answer(llama, llama_config, ids, **ending)
    assert plain.token_ids("a") == [end]
    later = answer(llama, llama_config, ids, **ending, min_tokens=3)
    assert later.token_ids("a").index(end) == 3
    never = answer(llama, llama_config, ids, **ending, ignore_eos=True)
    assert end not in never.token_ids("a")
    assert never.finished("a").finish_reason == "length"


def test_a_stop_token_ends_the_reply_and_has_no_text(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    ids = llama.tokenize(PROMPT)
    free = answer(llama, llama_config, ids, temperature=0, max_tokens=8)
    stop = free.token_ids("a")[3]
    seen = answer(llama, llama_config, ids, temperature=0, max_tokens=8, stop_token_ids=(stop,))
    at = free.token_ids("a").index(stop)
    assert seen.token_ids("a") == free.token_ids("a")[: at + 1]
    said = b"".join(map(llama.piece, free.token_ids("a")[:at])).decode("utf-8", "replace")
    assert seen.text("a") == said.replace("\0", "\ufffd")
    assert seen.finished("a").finish_reason == "stop"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    temperature=st.sampled_from([0.0, 0.8]),
    top_k=st.sampled_from([1, 3, 40, 1000]),
    top_p=st.sampled_from([0.5, 1.0]),
    min_tokens=st.integers(0, 3),
)
def test_looking_at_the_likeliest_alone_changes_no_draw(
    llama: LlamaBackend, seed: int, temperature: float, top_k: int, top_p: float, min_tokens: int
) -> None:
    logits = np.random.default_rng(seed).normal(size=llama.n_vocab).astype(np.float32)
    logits[[token_id for token_id in range(llama.n_vocab) if llama.is_end(token_id)]] += 3
    options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    options |= {"min_tokens": min_tokens}
    quick = llama.make_sampler(SamplingParams(**options), [])
    # A bias of nothing changes nothing, but for the way.
    thorough = llama.make_sampler(SamplingParams(**options, logit_bias={5: 0.0}), [])
    assert [quick.sample(logits, at) for at in range(3)] == [thorough.sample(logits, at) for at in range(3)]
    quick.close()
    thorough.close()


@pytest.mark.parametrize("broken", [np.nan, -np.inf])
def test_a_model_gone_mad_fails_its_request_only(llama: LlamaBackend, broken: float) -> None:
    sampler = llama.make_sampler(SamplingParams(**FREE), [])  # type: ignore[arg-type]
    with pytest.raises(InferenceError, match="no possible next token"):
        sampler.sample(np.full(llama.n_vocab, broken, np.float32), 0)
    alive = np.full(llama.n_vocab, broken, np.float32)
    alive[7] = 0
    assert sampler.sample(alive, 0) == 7
    sampler.close()


def test_mirostat_steers_towards_its_target() -> None:
    logits = -1.2 * np.log(np.arange(1, 2001)).astype(np.float32)
    surprises = -np.log2(probabilities(logits))
    means = []
    for tau in (3.0, 5.0):
        mirostat, told, drawn = Mirostat(tau, 0.1), 0.0, []
        for seed in range(2000):
            before = mirostat.mu
            drawn.append(mirostat.draw(logits, seed))
            assert surprises[drawn[-1]] <= max(before, surprises.min())
            mirostat.note()
            told += tau - (mirostat.mu - before) / 0.1
        assert abs(told / 2000 - tau) < 0.1
        means.append(surprises[drawn].mean())
    assert means[0] + 1 < means[1]
    certain = Mirostat(0.0, 0.1)
    assert certain.draw(logits, 1) == certain.draw(logits, 2) == int(logits.argmax())


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.0, 0.7, 2.0]),
        "dynatemp_range": st.sampled_from([0.0, 0.5]),
        "top_k": st.sampled_from([0, 40]),
        "top_p": st.sampled_from([0.9, 1.0]),
        "min_p": st.sampled_from([0.0, 0.1]),
        "typical_p": st.sampled_from([0.5, 1.0]),
        "top_n_sigma": st.sampled_from([0.0, 2.0]),
        "xtc_probability": st.sampled_from([0.0, 0.5, 1.0]),
        "xtc_threshold": st.sampled_from([0.01, 0.1]),
        "dry_multiplier": st.sampled_from([0.0, 2.0]),
        "repeat_penalty": st.sampled_from([1.0, 1.5]),
        "repeat_last_n": st.sampled_from([0, 3, 64]),
        "logit_bias": st.dictionaries(st.integers(0, 260), st.floats(-100, 5), max_size=3),
        "ignore_eos": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=SETTINGS, kill=st.integers(1, 11))
@example(options={"xtc_probability": 0.5, "xtc_threshold": 0.01, "temperature": 2.0}, kill=3)
@example(options={"dry_multiplier": 2.0, "top_n_sigma": 2.0, "typical_p": 0.5}, kill=7)
def test_a_resumed_attempt_draws_as_the_first_would(
    llama: LlamaBackend, llama_config: EngineConfig, options: dict[str, Any], kill: int
) -> None:
    ids = llama.tokenize(PROMPT)
    uncut = answer(llama, llama_config, ids, max_tokens=12, **options)
    kept = uncut.deltas("a")[:kill]
    resume = Resume(
        token_ids=[token_id for delta in kept for token_id in delta.token_ids],
        text="".join(delta.text for delta in kept),
    )
    rest = answer(llama, llama_config, ids, max_tokens=12, resume=resume, **options)
    assert [*resume.token_ids, *rest.token_ids("a")] == uncut.token_ids("a")
    assert resume.text + rest.text("a") == uncut.text("a")


def test_logprobs_are_the_models_own(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    ids = llama.tokenize(PROMPT)
    p = np.log(probabilities(compute(llama, ids)))
    order = np.argsort(-p, kind="stable")
    seen = answer(llama, llama_config, ids, logprobs=True, top_logprobs=3, temperature=2.0, min_p=0)
    first = seen.deltas("a")[0]
    (told,) = first.logprobs
    assert told.chosen.token_id == first.token_ids[0]
    assert told.chosen.logprob == pytest.approx(p[first.token_ids[0]], abs=1e-3)
    assert told.chosen.piece == llama.piece(first.token_ids[0])
    assert [candidate.token_id for candidate in told.top] == list(order[:3])
    assert [candidate.logprob for candidate in told.top] == pytest.approx(p[order[:3]], abs=1e-3)
    assert all(len(delta.logprobs) == len(delta.token_ids) for delta in seen.deltas("a"))
    unasked = answer(llama, llama_config, ids, temperature=2.0, min_p=0)
    assert [delta.logprobs for delta in unasked.deltas("a")] == [[]] * len(unasked.deltas("a"))
    assert unasked.token_ids("a") == seen.token_ids("a")
    alone = answer(llama, llama_config, ids, logprobs=True)
    assert alone.deltas("a")[0].logprobs[0].top == []


def test_logprobs_are_finite_whatever_the_logits() -> None:
    strange = np.array([np.nan, -np.inf, 1.0, np.inf], np.float32)
    values = log_softmax(strange)
    assert np.isfinite(values).all()
    assert likeliest(values, 9) == [3, 2, 0, 1]
    assert likeliest(np.array([0.0, 1.0, 1.0, 1.0]), 2) == [1, 2]

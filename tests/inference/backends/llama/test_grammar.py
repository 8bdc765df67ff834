"""A grammar binds the reply from its first token to its last, and nothing it refuses reaches llama.cpp."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends.llama import grammar
from inference.backends.llama.backend import LlamaBackend
from inference.config import EngineConfig
from inference.types.forms import GrammarSpec, ResponseFormat
from inference.types.requests import Resume
from inference.types.sampling import SamplingParams
from tests.support.engine import Recorder
from tests.support.llama import FREE, answer, compute

CHOICE = 'root ::= "yes" | "no" | "hello " [a-z]{2} "é"'


def ask(llama: LlamaBackend, config: EngineConfig, gbnf: str, trigger: str = "", **options: Any) -> Recorder:
    grammar = GrammarSpec(gbnf=gbnf, trigger=trigger)
    return answer(
        llama, config, llama.tokenize("say"), **FREE | {"grammar": grammar, "max_tokens": 20} | options
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0},
        {"temperature": 5.0, "top_k": 1},
        {"mirostat": 2},
        {"xtc_probability": 1.0, "xtc_threshold": 0.0},
        {"dry_multiplier": 10.0, "dry_base": 10.0},
        {"top_n_sigma": 0.1, "typical_p": 0.1},
        {"logit_bias": dict.fromkeys(range(250), -100.0)},
        {"stop": ("o",)},
    ],
)
def test_every_sampler_keeps_to_the_grammar(
    llama: LlamaBackend, llama_config: EngineConfig, options: dict[str, Any]
) -> None:
    for seed in range(5):
        seen = ask(llama, llama_config, CHOICE, **{"seed": seed} | options)
        assert seen.finished("a").finish_reason == "stop"
        if "stop" not in options:
            assert re.fullmatch("yes|no|hello [a-z]{2}é", seen.text("a"))


def test_the_draw_is_the_models_among_what_is_allowed(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    letters = [llama.tokenize(letter)[0] for letter in "abcde"]
    weights = np.exp(compute(llama, llama.tokenize("say"))[letters] / 3)
    options: dict[str, Any] = {"temperature": 3.0}
    said = [ask(llama, llama_config, "root ::= [a-e]", seed=seed, **options).text("a") for seed in range(400)]
    shares = np.array([said.count(letter) for letter in "abcde"]) / len(said)
    assert np.abs(shares - weights / weights.sum()).sum() < 0.15
    assert (shares > 0.05).sum() > 2


def test_a_trigger_wakes_the_grammar(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    seen = 0
    for seed in range(20):
        options: dict[str, Any] = {
            "seed": seed,
            "max_tokens": 80,
            "logit_bias": {llama.tokenize("he")[0]: 4.0},
        }
        _, woken, said = (
            ask(llama, llama_config, 'root ::= [0-9]{3} "!"', "he", **options).text("a").partition("he")
        )
        if woken and len(said) >= 4:
            seen += 1
            assert re.fullmatch("[0-9]{3}!", said)
    assert seen > 5


def test_the_token_that_says_the_trigger_says_nothing_behind_it(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    hello, hell = llama.tokenize("hello")[0], llama.tokenize("hell")[0]
    for bias in ({hello: 100.0}, {hello: 100.0, hell: 90.0}):
        seen = ask(llama, llama_config, 'root ::= "!"', "hell", temperature=0, logit_bias=bias, max_tokens=3)
        assert hello not in seen.token_ids("a")
    assert seen.text("a") == "hell!"
    whole = ask(llama, llama_config, 'root ::= "!"', "hello", temperature=0, logit_bias={hello: 100.0})
    assert whole.text("a") == "hello!"


def test_a_control_token_can_be_the_trigger(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    (start,) = llama.tokenize("<|im_start|>")
    bias = {start: 100.0}
    seen = ask(llama, llama_config, 'root ::= "ok"', "<|im_start|>", temperature=0, logit_bias=bias)
    assert seen.text("a") == "ok"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kill=st.integers(1, 30), seed=st.integers(0, 20), lazy=st.booleans())
def test_a_resumed_reply_goes_on_in_its_grammar(
    llama: LlamaBackend, llama_config: EngineConfig, kill: int, seed: int, lazy: bool
) -> None:
    form: dict[str, Any] = {"response_format": ResponseFormat(type="json_object")}
    if lazy:
        form = {"grammar": GrammarSpec(gbnf="root ::= [0-9]+", trigger="l"), "logit_bias": {75: 3.0}}
    options = FREE | form | {"max_tokens": 30, "seed": seed}
    ids = llama.tokenize("hello")
    uncut = answer(llama, llama_config, ids, **options)
    kept = uncut.deltas("a")[:kill]
    resume = Resume(
        token_ids=[token_id for delta in kept for token_id in delta.token_ids],
        text="".join(delta.text for delta in kept),
    )
    rest = answer(llama, llama_config, ids, resume=resume, **options)
    assert resume.text + rest.text("a") == uncut.text("a")


def test_a_resumed_reply_that_breaks_the_grammar_is_refused(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    for said in ("maybe", "yes!", "<|im_end|>"):
        resume = Resume(token_ids=llama.tokenize(said), text=said)
        seen = ask(llama, llama_config, CHOICE, resume=resume)
        assert seen.failed("a").code == "invalid_request"
        assert "does not follow the grammar" in seen.failed("a").message


@pytest.mark.parametrize(
    "gbnf", ['root ::= "a" [\\x00]', "root ::= <[9]> <|im_start|>", 'root ::= "a" [] "b"']
)
def test_a_grammar_that_gets_stuck_fails_its_request(
    llama: LlamaBackend, llama_config: EngineConfig, gbnf: str
) -> None:
    seen = ask(llama, llama_config, gbnf)
    assert len(seen.ends("a")) == 1
    if "x00" in gbnf:
        assert seen.failed("a").code == "no_possible_token"
        assert seen.text("a") == "a"


def test_an_ambiguous_grammar_is_stopped_in_time(
    llama: LlamaBackend, llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar, "MAX_TOKEN_S", 0.02)
    (letter,) = llama.tokenize("a")
    ambiguous = 'root ::= "a" root "b" | "a" root "c" | "a"'
    seen = ask(llama, llama_config, ambiguous, logit_bias={letter: 100.0}, max_tokens=100)
    assert seen.failed("a").code == "grammar_too_complex"
    assert 5 < len(seen.text("a")) < 40


def test_what_is_refused_is_never_accepted(llama: LlamaBackend) -> None:
    params = SamplingParams(grammar=GrammarSpec(gbnf='root ::= "a"'), seed=1)
    sampler = llama.make_sampler(params, [])
    (letter,) = llama.tokenize("a")
    logits = np.zeros(llama.n_vocab, np.float32)
    assert sampler.sample(logits, 0) == letter
    assert llama.is_end(sampler.sample(logits, 1))
    sampler.close()
    sampler.close()

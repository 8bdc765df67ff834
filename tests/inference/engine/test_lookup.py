"""Guesses change how soon a reply is there, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import Row
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import PacedSampler
from inference.engine.engine import Engine
from inference.engine.lookup import FEW_SEQUENCES
from inference.engine.ngrams import NGRAM, Ngrams
from inference.types.requests import Resume
from inference.types.sampling import SamplingParams
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config


class ParrotSampler(PacedSampler):
    """Repeats the prompt, with every `slip`th token wrong."""

    def __init__(self, prompt_ids: Sequence[int], slip: int) -> None:
        super().__init__(prompt_ids)
        self.prompt = list(prompt_ids)
        self.slip = slip

    def token_at(self, position: int) -> int:
        said = self.prompt[position % len(self.prompt)]
        return 255 - position % 100 if self.slip and position % self.slip == self.slip - 1 else said


STEP_MS = 10


class Parrot(PacedBackend):
    """Checks what the engine asks for and says what the prompt said. Further rows have a price."""

    can_draft = True

    def __init__(self, slip: int = 0, forgetful: bool = False, row_ms: float = 1, **changes: Any) -> None:
        self.config = paced_config(**changes)
        self.clock = FakeClock()
        self.row_ms = row_ms
        super().__init__(self.config, clock=self.clock, sleep=self.clock.sleep)
        self.slip = slip
        self.forgetful = forgetful
        self.sizes: list[int] = []

    def make_sampler(self, params: SamplingParams, prompt_ids: Sequence[int]) -> ParrotSampler:
        return ParrotSampler(prompt_ids, self.slip)

    def decode(self, rows: Sequence[Row]) -> None:
        super().decode(rows)
        self.sizes.append(len(rows))
        self.clock.sleep((STEP_MS + self.row_ms * (len(rows) - 1)) / 1000)

    def keep(self, stream: int, length: int) -> int:
        refuses = self.forgetful and length < len(self.held[stream])
        return super().keep(stream, 0 if refuses else length)


PROMPT = list(b"The quick brown fox jumps over a lazy dog. ")


def say(backend: Parrot, prompt: list[int] = PROMPT, **options: Any) -> tuple[Recorder, Engine]:
    engine, seen = Engine(backend, backend.config, clock=backend.clock), Recorder()
    engine.submit(make_request("a", prompt, **options), seen)
    while engine.step():
        held = [stream.tokens for stream in engine._kv.streams]
        assert held == backend.held
    return seen, engine


def test_a_reply_that_repeats_the_prompt_takes_few_steps() -> None:
    backend = Parrot(prompt_lookup=7)
    seen, engine = say(backend, max_tokens=120)
    assert seen.token_ids("a") == (PROMPT * 3)[:120]
    assert len(backend.sizes) < 30
    assert max(backend.sizes[1:]) == 8
    gauges = engine.gauges()
    assert gauges.accepted_tokens == gauges.drafted_tokens > 80


@given(
    slip=st.integers(0, 9),
    tokens=st.integers(1, 90),
    longest=st.integers(0, 15),
    n_ctx=st.integers(64, 130),
    stop=st.sampled_from([(), ("fox j",), ("dog. The",)]),
    kill=st.integers(0, 20),
)
def test_guessing_changes_nothing_of_what_is_said(
    slip: int, tokens: int, longest: int, n_ctx: int, stop: tuple[str, ...], kill: int
) -> None:
    resume = Resume(token_ids=[ParrotSampler(PROMPT, slip).token_at(at) for at in range(kill)], text="")
    options: dict[str, Any] = {"max_tokens": tokens, "stop": stop, "resume": resume}
    plain, _ = say(Parrot(slip, n_ctx=n_ctx, prompt_lookup=0), **options)
    guessed, engine = say(Parrot(slip, n_ctx=n_ctx, prompt_lookup=longest), **options)
    assert guessed.token_ids("a") == plain.token_ids("a")
    assert guessed.text("a") == plain.text("a")
    assert guessed.finished("a").finish_reason == plain.finished("a").finish_reason
    assert engine.gauges().accepted_tokens <= engine.gauges().drafted_tokens


def test_guesses_that_are_mostly_wrong_pause() -> None:
    backend = Parrot(slip=2)
    _, engine = say(backend, prompt=list(b"ababababab"), max_tokens=400)
    wasted = engine.gauges().drafted_tokens - engine.gauges().accepted_tokens
    assert wasted < 100


@pytest.mark.parametrize("slip", [0, 2, 4])
def test_where_guesses_cost_more_than_they_save_they_are_given_up(slip: int) -> None:
    plain, dear = Parrot(slip, row_ms=20, prompt_lookup=0), Parrot(slip, row_ms=20)
    begins = plain.clock.now
    for backend in (plain, dear):
        say(backend, max_tokens=3000, time_limit_ms=10**9)
    assert dear.clock.now - begins < 1.03 * (plain.clock.now - begins)


def test_they_are_tried_again_when_that_may_have_changed() -> None:
    backend = Parrot(row_ms=20, n_ctx=8192)
    engine, seen = Engine(backend, backend.config, clock=backend.clock), Recorder()
    engine.submit(make_request("a", PROMPT, max_tokens=4000, time_limit_ms=10**9), seen)
    while len(backend.sizes) < 200:
        engine.step()
    assert set(backend.sizes[-100:]) == {1}
    backend.row_ms = 1
    drain(engine)
    assert len(backend.sizes) < 2000


def test_how_much_is_guessed_depends_on_the_device_unless_it_is_configured() -> None:
    for changes, rows in (
        ({}, 4),
        ({"device": "gpu"}, 8),
        ({"prompt_lookup": 1}, 2),
        ({"prompt_lookup": 0}, 1),
    ):
        backend = Parrot(**changes)
        say(backend, max_tokens=120)
        assert max(backend.sizes[1:]) == rows


def test_many_sequences_are_not_guessed_for() -> None:
    backend = Parrot(slots=FEW_SEQUENCES + 1)
    engine, seen = Engine(backend, backend.config), Recorder()
    for number in range(FEW_SEQUENCES + 1):
        engine.submit(make_request(str(number), [*PROMPT, number], max_tokens=100), seen)
    drain(engine)
    assert engine.gauges().drafted_tokens == 0


def test_a_runtime_that_cannot_take_a_guess_back_is_asked_once() -> None:
    backend = Parrot(slip=5, forgetful=True)
    seen, engine = say(backend, max_tokens=60)
    plain, _ = say(Parrot(slip=5, prompt_lookup=0), max_tokens=60)
    assert seen.token_ids("a") == plain.token_ids("a")
    gauges = engine.gauges()
    assert gauges.drafted_tokens - gauges.accepted_tokens <= 7


@pytest.mark.parametrize(
    ("ids", "guess"),
    [
        ([1, 2, 3, 4, 5, 1, 2, 3], (4, 5, 1, 2)),
        ([1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 3], (8, 1, 2, 3)),
        ([7, 7, 7, 7], (7, 7, 7, 7)),
        ([1, 2, 3], ()),
        ([1], ()),
    ],
)
def test_the_latest_continuation_is_guessed(ids: list[int], guess: tuple[int, ...]) -> None:
    assert Ngrams().guess(ids, 4).ids == guess


def test_a_reply_begun_anew_is_read_anew() -> None:
    ngrams = Ngrams()
    ngrams.guess([1, 2, 3, 4, 5, 6, 1, 2, 3, 7, 8, 9], 4)
    assert ngrams.guess([1, 2, 3, 4, 5, 6, 1, 2, 3], 2).ids == (4, 5)
    assert ngrams.guess([7, 1, 2, 3], 2).ids == ()


@given(st.lists(st.integers(0, 3), max_size=60))
def test_ngrams_read_piecemeal_know_what_ngrams_read_at_once_know(ids: list[int]) -> None:
    grown = Ngrams()
    for size in range(0, len(ids), 7):
        grown.guess(ids[:size], 1)
    assert grown.guess(ids, 5) == Ngrams().guess(ids, 5)
    guess = Ngrams().guess(ids, 1)
    if guess.ids:
        tail = ids[-guess.match :]
        assert any(ids[at : at + len(tail)] == tail for at in range(len(ids) - len(tail)))
        assert len(tail) >= NGRAM

"""Guesses are tried where they are likely right and cheap enough, each judged by itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.ngrams import LONGEST_MATCH, NGRAM, Guess, Ngrams
from inference.engine.payoff import BASELINE, LASTING, SHORTEST_PAUSE, TRIAL, Payoff
from inference.engine.trust import LONGEST_PATIENCE, SHORTEST_PATIENCE, Trust

CHANCE, COPY = Guess((1, 2, 3, 4), NGRAM), Guess((1, 2, 3, 4), LONGEST_MATCH)


def measured(guessed_ms: float, sequences: int = 1, rows: int = 4) -> Payoff:
    """After its first steps: plain ones take 10 ms."""
    payoff = Payoff(sequences)
    for _ in range(BASELINE):
        assert payoff.gain(rows, 3.0) == 0.0
        payoff.saw(sequences, 10.0)
    for _ in range(TRIAL):
        assert payoff.gain(rows, 0.0) == math.inf
        payoff.saw(rows, guessed_ms)
    return payoff


@pytest.mark.parametrize(("right", "gain"), [(0.0, 0.5), (1.0, 1.0), (3.0, 2.0)])
def test_what_a_step_costs_says_how_many_guesses_must_be_right(right: float, gain: float) -> None:
    assert measured(20.0).gain(4, right) == gain
    assert measured(20.0, sequences=2, rows=8).gain(8, 2 * right) == gain


def test_each_number_of_rows_has_its_own_cost() -> None:
    assert measured(20.0).gain(3, 0.0) == math.inf


def test_wrong_guesses_never_make_a_machine_too_slow_for_right_ones() -> None:
    payoff = measured(20.0)
    for _ in range(5 * LASTING):
        plain = payoff.gain(4, 3.0) == 0.0
        payoff.saw(1 if plain else 4, 10.0 if plain else 20.0)
    for _ in range(BASELINE):
        payoff.saw(1, 10.0)
    assert payoff.gain(4, 3.0) == 2.0


def test_where_no_guess_can_pay_the_next_trial_is_later_each_time() -> None:
    payoff = measured(39.0)
    for pause in (SHORTEST_PAUSE, 2 * SHORTEST_PAUSE):
        for _ in range(pause):
            assert payoff.gain(4, 3.0) == 0.0
            payoff.saw(1, 10.0)
        for _ in range(TRIAL):
            assert payoff.gain(4, 3.0) == math.inf
            payoff.saw(4, 39.0)


def test_chance_does_not_spoil_what_is_thought_of_a_copy() -> None:
    trust = Trust()
    before = trust.expected(COPY)
    for _ in range(20):
        trust.learn(CHANCE, 0)
    assert trust.expected(CHANCE) < 0.1
    assert trust.expected(COPY) == before > 3.5


def test_a_distrusted_guess_has_another_chance_later_each_time() -> None:
    trust, passed = Trust(), []
    for _ in range(8):
        while trust.expected(CHANCE) > 1:
            trust.learn(CHANCE, 0)
        passed.append(0)
        while trust.expected(CHANCE) < len(CHANCE.ids):
            trust.let_pass(CHANCE)
            passed[-1] += 1
    assert passed == [min(LONGEST_PATIENCE, SHORTEST_PATIENCE << at) for at in range(8)]
    trust.learn(CHANCE, len(CHANCE.ids))
    assert trust.expected(CHANCE) > 2


@given(st.lists(st.tuples(st.integers(NGRAM, LONGEST_MATCH), st.integers(-1, 4)), max_size=200))
def test_no_more_is_expected_than_was_guessed(happened: list[tuple[int, int]]) -> None:
    trust = Trust()
    for match, right in happened:
        guess = Guess((1, 2, 3, 4), match)
        trust.let_pass(guess) if right < 0 else trust.learn(guess, right)
        assert 0 <= trust.expected(guess) <= 4


@pytest.mark.parametrize("size", [3, 4, 9, 16, 40])
def test_a_match_is_as_long_as_what_is_the_same(size: int) -> None:
    said = list(range(size))
    assert Ngrams().guess([*said, 50, 60, *said], 1) == Guess((50,), min(size, LONGEST_MATCH))
    assert Ngrams().guess([70, *said, 50, 60, *said], 1).match == min(size, LONGEST_MATCH)

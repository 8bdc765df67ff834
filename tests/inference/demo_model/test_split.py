"""The split is a property of the prompt's text, so nothing held out can be in the corpus."""

from itertools import islice

import pytest

from inference.demo_model import cases
from inference.demo_model.corpus import arithmetic, recall
from inference.demo_model.corpus.conversations import corpus
from inference.demo_model.corpus.phrases import seeded
from inference.demo_model.corpus.split import ESSENTIAL, draw, is_held_out, normalise
from inference.demo_model.corpus.words import FIRST_NAMES


@pytest.fixture(scope="module")
def trained() -> set[str]:
    conversations = islice(corpus(7), 4000)
    return {normalise(turn.user) for conversation in conversations for turn in conversation.turns}


def test_no_training_prompt_is_held_out(trained: set[str]) -> None:
    assert not [prompt for prompt in trained if is_held_out(prompt)]


def test_every_judged_prompt_is_absent_from_the_corpus(trained: set[str]) -> None:
    for row in cases.rows():
        for case in row.cases:
            key = case.before[0] if row.name.startswith("recall") else case.turn.user
            assert is_held_out(key)
            assert normalise(key) not in trained


def test_capitals_and_punctuation_do_not_carry_a_prompt_across() -> None:
    assert normalise("  What is 3 + 4 ?! ") == normalise("what is 3 + 4")
    assert normalise("3-2") != normalise("3+2")


def test_about_an_eighth_is_held_out() -> None:
    rng = seeded("share")
    held_out = sum(is_held_out(arithmetic.addition(rng).user) for _ in range(4000))
    assert 0.08 < held_out / 4000 < 0.17


def test_what_everybody_types_first_is_taught() -> None:
    assert not any(is_held_out(prompt) for prompt in ESSENTIAL)
    assert not is_held_out("Hello!")


def test_draw_keeps_to_its_side() -> None:
    rng = seeded(1)
    for held_out in (True, False):
        turns = [draw(rng, arithmetic.addition, held_out=held_out) for _ in range(50)]
        assert all(is_held_out(turn.user) is held_out for turn in turns)


def test_new_names_are_new() -> None:
    assert not set(cases.NEW_NAMES) & set(FIRST_NAMES)


def test_recalled_facts_were_told() -> None:
    rng = seeded(2)
    for _ in range(200):
        statement, told = recall.tell(("name", "city"), rng)
        assert all(value in statement.user for value in told.values())
        assert told["name"] in recall.ask("name", recall.Facts(**told), rng).answer

"""The corpus is reproducible, well formed and right."""

import json
import re
from itertools import islice

from inference.demo_model.corpus import arithmetic, json_answers, lists, stories, unknown
from inference.demo_model.corpus.conversations import corpus
from inference.demo_model.corpus.phrases import expand, fill, seeded
from inference.demo_model.corpus.turns import SPECIAL_TOKENS


def test_one_seed_writes_one_corpus() -> None:
    assert list(islice(corpus(7), 50)) == list(islice(corpus(7), 50))


def test_another_seed_writes_another() -> None:
    assert list(islice(corpus(7), 50)) != list(islice(corpus(8), 50))


def test_no_template_is_left_unfilled() -> None:
    for conversation in islice(corpus(7), 3000):
        for turn in conversation.turns:
            assert turn.answer.strip() == turn.answer != ""
            assert turn.user.strip() == turn.user != ""
            assert not re.search(r"<(a|b|n|name|city|colour|word|thing|item|text|theme|what)>", turn.answer)


def test_no_special_token_is_spoken() -> None:
    for conversation in islice(corpus(7), 3000):
        for message in conversation.messages():
            assert not any(token in message["content"] for token in SPECIAL_TOKENS)


def test_sums_are_right() -> None:
    rng = seeded("sums")
    for _ in range(500):
        turn = arithmetic.sum_question(rng)
        left, result = turn.answer.replace("x", "*").split(" = ")
        assert eval(left) == int(result) == int(turn.expect[0])


def test_json_answers_are_json() -> None:
    rng = seeded("json")
    for _ in range(500):
        assert isinstance(json.loads(json_answers.json_answer(rng).answer), dict)


def test_spelling_is_right() -> None:
    rng = seeded("spelling")
    for _ in range(200):
        turn = lists.spelling(rng)
        assert turn.answer.replace("-", "").lower() in turn.user.lower()


def test_long_stories_are_long() -> None:
    rng = seeded("stories")
    assert all(len(stories.long_story(rng).answer.split()) > 100 for _ in range(50))


def test_odd_input_is_valid_text() -> None:
    rng = seeded("odd")
    for _ in range(1000):
        assert unknown.nonsense(rng).user.encode().decode()


def test_expand_and_fill() -> None:
    rng = seeded(0)
    assert {expand("{a|b{c|d}}", rng) for _ in range(60)} == {"a", "bc", "bd"}
    assert fill("<a> + <b>", a=1, b=2) == "1 + 2"

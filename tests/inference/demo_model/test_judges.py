"""The judges accept what is right and nothing else."""

from inference.demo_model import judges
from inference.demo_model.corpus.turns import Turn

GREETING = Turn("Hi", "Hello! How can I help?", expect=("hello|hi ", "help"))
SUM = Turn("3 + 4", "3 + 4 = 7", expect=("7",))
OBJECT = Turn("JSON with age 3", '{"age": 3}', expect=('{"age": 3}',))


def test_keywords_want_every_word() -> None:
    assert judges.keywords("HELLO, may I help?", GREETING)
    assert not judges.keywords("Hello.", GREETING)


def test_only_the_last_number_counts() -> None:
    assert judges.last_number("3 + 4 = 7", SUM)
    assert not judges.last_number("7 - 4 = 3", SUM)
    assert not judges.last_number("seven", SUM)


def test_json_must_parse_and_agree() -> None:
    assert judges.right_json('{"age":3}', OBJECT)
    assert judges.json_object('{"age": 4}', OBJECT)
    assert not judges.right_json('{"age": 4}', OBJECT)
    assert not judges.json_object("{age: 3}", OBJECT)
    assert not judges.json_object("[3]", OBJECT)


def test_exactly_and_long() -> None:
    assert judges.exactly(" 3 + 4 = 7\n", SUM)
    assert not judges.exactly("7", SUM)
    assert judges.long_text("word " * 200, SUM)
    assert not judges.long_text("word " * 199, SUM)

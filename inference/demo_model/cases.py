"""The held-out prompts of the evaluation: the corpus's own templates, on the other side of the split."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from inference.demo_model import judges
from inference.demo_model.corpus import (
    arithmetic,
    greetings,
    json_answers,
    lists,
    persona,
    product,
    recall,
    stories,
    unknown,
)
from inference.demo_model.corpus.conversations import TOPICS, topic_turn
from inference.demo_model.corpus.phrases import seeded
from inference.demo_model.corpus.split import draw, is_held_out
from inference.demo_model.corpus.turns import Turn
from inference.demo_model.corpus.words import words_in

# Never in the corpus in any phrasing.
NEW_NAMES = words_in(
    "Siobhan Thandiwe Zbigniew Ottoline Kwabena Yevgenia Bartholomew Ximena Wolfgang Guinevere"
)
NEW_CITIES = words_in(
    "Timbuktu Ljubljana Chattanooga Wagga Ulaanbaatar Nuremberg Cusco Tromso Kigali Marrakesh"
)

Judge = Callable[[str, Turn], bool]


@dataclass(frozen=True)
class Case:
    """Prompts said one after another, and the turn whose reply is judged: the last."""

    turn: Turn
    before: tuple[str, ...] = ()
    system: str | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table: its cases, who judges them and the share that must be right."""

    name: str
    judge: Judge
    target: float
    cases: tuple[Case, ...]


def unseen(write: Callable[[Random], Turn], count: int, *, seed: str) -> tuple[Case, ...]:
    """Distinct held-out prompts."""
    rng, found = seeded(seed), {}
    while len(found) < count:
        turn = draw(rng, write, held_out=True)
        found.setdefault(turn.user, Case(turn))
    return tuple(found.values())


def _small_talk(rng: Random) -> str:
    while len((turn := topic_turn(rng, TOPICS)).answer) > 120:
        pass
    return turn.user


def _recalls(
    count: int, *, seed: str, gap: tuple[int, int], names: list[str] | None = None
) -> Iterator[Case]:
    """A held-out statement, other talk for `gap` turns, then the question."""
    rng = seeded(seed)
    for number in range(count):
        kind = ("name", "city", "colour")[number % (2 if names else 3)]
        while True:
            statement, told = recall.tell((kind,), rng)
            if names:
                new = rng.choice(names if kind == "name" else NEW_CITIES)
                statement = replace(statement, user=statement.user.replace(told[kind], new))
                told = {kind: new}
            if is_held_out(statement.user):
                break
        talk = tuple(_small_talk(rng) for _ in range(rng.randint(*gap)))
        question = recall.ask(kind, recall.Facts(**told), rng)
        yield Case(question, (statement.user, *talk))


def _personas(count: int) -> Iterator[Case]:
    """System prompts with a name or a tone, and a held-out question under them."""
    rng = seeded("persona")
    while count:
        speaker = persona.persona(rng, plain=0)
        if speaker.name != persona.DEFAULT_NAME:
            turn = draw(rng, lambda r, speaker=speaker: persona.who(speaker, r), held_out=True)
        elif speaker.mark:
            turn = draw(rng, greetings.greeting, held_out=True)
            turn = replace(turn, expect=(speaker.mark,))
        else:
            continue
        count -= 1
        yield Case(turn, system=speaker.system)


def rows() -> list[Row]:
    """The whole evaluation."""
    return [
        Row("addition to 20 + 20", judges.last_number, 0.95, unseen(arithmetic.addition, 200, seed="add")),
        Row(
            "subtraction within 20", judges.last_number, 0.95, unseen(arithmetic.subtraction, 100, seed="sub")
        ),
        Row(
            "multiplication to 10 x 10",
            judges.last_number,
            0.95,
            unseen(arithmetic.multiplication, 60, seed="mul"),
        ),
        Row("recall after 2 to 5 turns", judges.keywords, 0.90, tuple(_recalls(90, seed="near", gap=(2, 5)))),
        Row(
            "recall after 12 to 20 turns",
            judges.keywords,
            0.90,
            tuple(_recalls(24, seed="far", gap=(12, 20))),
        ),
        Row(
            "recall of names never seen",
            judges.keywords,
            0.90,
            tuple(_recalls(60, seed="new", gap=(2, 5), names=NEW_NAMES)),
        ),
        Row("valid JSON", judges.json_object, 0.95, unseen(json_answers.json_answer, 120, seed="json")),
        Row("right JSON", judges.right_json, 0.90, unseen(json_answers.json_answer, 120, seed="json")),
        Row("greetings and small talk", judges.keywords, 0.95, unseen(greetings.greeting, 100, seed="greet")),
        Row("questions about Parley", judges.keywords, 0.95, unseen(product.product, 150, seed="product")),
        Row("persona: name and tone", judges.keywords, 0.90, tuple(_personas(80))),
        Row("counting and lists", judges.exactly, 0.95, unseen(_counts_and_lists, 80, seed="list")),
        Row("spelling", judges.exactly, 0.90, unseen(lists.spelling, 80, seed="spell")),
        Row("repeating", judges.exactly, 0.85, unseen(lists.repeating, 60, seed="repeat")),
        Row("short stories", judges.keywords, 0.90, unseen(stories.short_story, 40, seed="story")),
        Row(
            "long stories, 200 tokens and more",
            judges.long_text,
            0.95,
            unseen(stories.saga, 20, seed="long"),
        ),
        Row("admits ignorance", judges.keywords, 0.90, unseen(unknown.question, 100, seed="unknown")),
        Row("odd input ends properly", judges.finished, 0.95, unseen(unknown.nonsense, 100, seed="odd")),
    ]


def _counts_and_lists(rng: Random) -> Turn:
    return rng.choice((lists.counting, lists.known_list))(rng)

"""Whole conversations: a persona, facts told and asked again, and turns on every topic between them."""

from collections.abc import Callable, Iterator
from random import Random

from inference.demo_model.corpus.arithmetic import sum_question
from inference.demo_model.corpus.greetings import greeting
from inference.demo_model.corpus.json_answers import json_answer
from inference.demo_model.corpus.lists import counting_far, listing
from inference.demo_model.corpus.persona import Persona, persona, who
from inference.demo_model.corpus.phrases import seeded
from inference.demo_model.corpus.product import product
from inference.demo_model.corpus.recall import KINDS, Facts, ask, remember, summary, tell
from inference.demo_model.corpus.split import draw, trains
from inference.demo_model.corpus.stories import poem, saga, short_story, story
from inference.demo_model.corpus.turns import Conversation, Turn
from inference.demo_model.corpus.unknown import unknown

Topics = dict[Callable[[Random], Turn], int]

TOPICS: Topics = {
    greeting: 16,
    product: 14,
    sum_question: 22,
    listing: 22,
    json_answer: 10,
    story: 6,
    unknown: 14,
}
# The last stage: the same, with longer stories in the place of the long ones, and more counting.
PRACTICE: Topics = {topic: weight for topic, weight in TOPICS.items() if topic is not story} | {
    counting_far: 8,
    short_story: 3,
    saga: 4,
    poem: 1,
}
MIXES = {"all": TOPICS, "practice": PRACTICE}
_SHAPES = {"single": 40, "mixed": 20, "recall": 37, "long": 3}


def topic_turn(rng: Random, topics: Topics) -> Turn:
    """A turn on any topic, allowed in training."""
    return draw(rng, rng.choices(list(topics), list(topics.values()))[0])


def _short_turn(rng: Random, topics: Topics) -> Turn:
    """A turn of few words, so that the conversation around it stays cheap to train."""
    while len((turn := topic_turn(rng, topics)).answer) > 120:
        pass
    return turn


def _told(rng: Random, facts: Facts, kinds: tuple[str, ...]) -> tuple[Turn, Facts]:
    """A statement that training may see, and the facts known after it."""
    while True:
        turn, told = tell(kinds, rng)
        if trains(Conversation((turn,))):
            return turn, remember(facts, told)


def _recall(rng: Random, topics: Topics, who_speaks: Persona, *, gap: int) -> list[Turn]:
    """Facts told at the beginning or on the way, other talk, and questions about them at the end."""
    kinds = rng.sample(KINDS[:3], rng.randint(1, 3)) + (["animal"] if rng.random() < 0.15 else [])
    groups = [tuple(sorted(kinds, key=KINDS.index))] if rng.random() < 0.4 else [(kind,) for kind in kinds]
    turns, facts = [], Facts()
    if rng.random() < 0.15:
        turns.append(draw(rng, lambda r: ask(r.choice(KINDS), facts, r)))
    for group in groups:
        turn, facts = _told(rng, facts, group)
        turns.append(turn)
    turns += [_short_turn(rng, topics) for _ in range(rng.randint(0, gap))]
    if rng.random() < 0.1:
        turn, facts = _told(rng, facts, (rng.choice(kinds),))
        turns.append(turn)
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(kinds if rng.random() < 0.85 else KINDS)
        turns.append(draw(rng, lambda r, kind=kind: ask(kind, facts, r)))
        if rng.random() < 0.3:
            turns.append(_short_turn(rng, topics))
    if rng.random() < 0.3:
        turns.append(draw(rng, lambda r: who(who_speaks, r)))
    return [*turns, summary(facts, rng)] if rng.random() < 0.03 else turns


def conversation(rng: Random, topics: Topics) -> Conversation:
    """One training conversation; no prompt in it is held out."""
    shape = rng.choices(list(_SHAPES), list(_SHAPES.values()))[0]
    speaker = persona(rng)
    if shape == "recall":
        turns = _recall(rng, topics, speaker, gap=4)
    elif shape == "long":
        turns = _recall(rng, topics, speaker, gap=30)
    else:
        count = 1 if shape == "single" else rng.randint(2, 4)
        turns = [topic_turn(rng, topics) for _ in range(count)]
        if rng.random() < (0.5 if speaker.name != "Parley" else 0.1):
            turns[rng.randrange(count)] = draw(rng, lambda r: who(speaker, r))
    spoken = Conversation(tuple(speaker.speak(turn) for turn in turns), speaker.system)
    return spoken if trains(spoken) else conversation(rng, topics)


def corpus(seed: int, mix: str = "all") -> Iterator[Conversation]:
    """An endless, reproducible stream of training conversations in one of the `MIXES`."""
    rng = seeded(f"corpus-{seed}")
    while True:
        yield conversation(rng, MIXES[mix])

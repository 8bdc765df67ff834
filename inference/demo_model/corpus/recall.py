"""Facts a user tells about themselves, and the questions that ask for them later."""
# ruff: noqa: E501 - a template is read whole, on one line

import re
from dataclasses import dataclass, replace
from random import Random

from inference.demo_model.corpus import words
from inference.demo_model.corpus.phrases import casual, expand, fill, lines, one_of
from inference.demo_model.corpus.turns import Turn


@dataclass(frozen=True)
class Facts:
    """What the user has told so far; None is untold."""

    name: str | None = None
    city: str | None = None
    colour: str | None = None
    animal: str | None = None


_STATEMENTS = {
    "name": "{||Hello! |Hi, |Hey, |Hello, |Hi! |By the way, |Good morning. }"
    "{my name is|I am|I'm|my name's|call me|you can call me|please call me|I am called|this is} <name>{.|!|}",
    "city": "{|Just so you know, |By the way, }"
    "{I live in|I am from|I come from|my home is in|my city is|I'm from|my home town is} <city>{.|!|}",
    "colour": "{|Oh, |By the way, |You should know: }"
    "{my favourite colour is|my favorite color is|I love the colour|the colour I like best is|I like the color} <colour>{.|!|}",
    "animal": "{|Also, |By the way, }{my favourite animal is the|my favorite animal is the|the animal I like best is the} <animal>{.|}",
}
_REPLIES = {
    "name": "{Nice to meet you, <name>!|Hello <name>, nice to meet you!}",
    "city": "{<city> sounds like a nice place.|I have heard that <city> is a nice place.}",
    "colour": "{<colour> is a beautiful colour.|I like <colour> too.}",
    "animal": "{The <animal> is a wonderful animal.|I will remember the <animal>.}",
}
_JOINED = """
{My name is|I am|I'm|Hello, I am|Hi, my name is|Hey, I'm} <name> {and I live in|from|and I come from|and I am from} <city>{.|!|}
{My name is|I am|I'm|Hi, I'm} <name>{,| and} my favourite colour is <colour>{.|!|}
{My name is|I am|I'm|Hi, I'm} <name>, I {live in|am from|come from} <city> and {my favourite colour is|I love the colour} <colour>{.|!|}
"""
_QUESTIONS = {
    "name": "{|Do you remember? |Quick test: |One more thing: |And now: |So, |Tell me, |Hey, |Okay, |By the way, }"
    "{what is my name|what's my name|who am I|do you remember my name|do you know my name|can you tell me my name|"
    "what did I say my name was|tell me my name|say my name|what am I called|how am I called}{| again| now| please}?",
    "city": "{|Do you remember? |Quick test: |One more thing: |And now: |So, |Tell me, |Hey, |Okay, |By the way, }"
    "{where do I live|which city do I live in|what is my city|where am I from|what city am I from|"
    "where did I say I live|do you remember where I live|do you know where I am from}{| again| now| please}?",
    "colour": "{|Do you remember? |Quick test: |One more thing: |And now: |So, |Tell me, |Hey, |Okay, |By the way, }"
    "{what is my favourite colour|what's my favorite color|which colour do I like best|which color do I like|"
    "what colour do I love|do you remember my favourite colour|do you know my favorite color}{| again| now| please}?",
    "animal": "{|Do you remember? |Quick test: |And now: |So, |Tell me, }"
    "{what is my favourite animal|what's my favorite animal|which animal do I like best|do you remember my favourite animal}"
    "{| again| now| please}?",
}
_RECALLED = {
    "name": "Your name is <name>.",
    "city": "You live in <city>.",
    "colour": "Your favourite colour is <colour>.",
    "animal": "Your favourite animal is the <animal>.",
}
_UNTOLD = {
    "name": "I do not know your name yet. Please tell me.",
    "city": "I do not know where you live. You have not told me.",
    "colour": "I do not know your favourite colour. You have not told me.",
    "animal": "I do not know your favourite animal. You have not told me.",
}
_SLOT = re.compile(r"<\w+>")
KINDS = tuple(_STATEMENTS)
_VALUES = {
    "name": words.person,
    "city": words.city,
    "colour": lambda rng: rng.choice(words.COLOURS),
    "animal": lambda rng: rng.choice(words.ANIMALS),
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _value(kind: str, rng: Random) -> str:
    value = _VALUES[kind](rng)
    return value.lower() if rng.random() < 0.1 else value


def tell(kinds: tuple[str, ...], rng: Random) -> tuple[Turn, dict[str, str]]:
    """The user states some facts in one turn; returns the turn and what it told."""
    told = {kind: _value(kind, rng) for kind in kinds}
    slots = [f"<{kind}>" for kind in kinds]
    fits = [line for line in lines(_JOINED) if _SLOT.findall(line) == slots]
    if fits:
        statement, reply = expand(rng.choice(fits), rng), expand(_REPLIES["name"], rng)
    else:
        statement = " ".join(_capital(expand(_STATEMENTS[kind], rng)) for kind in kinds)
        reply = expand(_REPLIES[kinds[0]], rng)
    answer = _capital(fill(reply, **told))
    return Turn(fill(statement, **told).strip(), answer, brief="Noted.", expect=()), told


def remember(facts: Facts, told: dict[str, str]) -> Facts:
    """The facts after one more statement; a newer statement wins."""
    return replace(facts, **told)


def ask(kind: str, facts: Facts, rng: Random) -> Turn:
    """A question about one fact, answered from what was told, or honestly when nothing was."""
    question = casual(_capital(expand(_QUESTIONS[kind], rng)), rng, slips=False)
    value = getattr(facts, kind)
    if value is None:
        return Turn(question, _UNTOLD[kind], brief="I do not know.", expect=("do not know",))
    answer = fill(_RECALLED[kind], **{kind: value})
    return Turn(question, answer, brief=_capital(f"{value}."), expect=(value.lower(),))


def summary(facts: Facts, rng: Random) -> Turn:
    """Everything the user has told, in one reply."""
    question = one_of("{What do you know about me|What have I told you|Tell me what you know about me}?", rng)
    known = [fill(_RECALLED[kind], **{kind: getattr(facts, kind)}) for kind in KINDS if getattr(facts, kind)]
    return Turn(question, " ".join(known) or "I know nothing about you yet.")

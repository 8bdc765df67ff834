"""Questions about using Parley, answered shortly or in detail."""
# ruff: noqa: E501 - a template is read whole, on one line

from random import Random

from inference.demo_model.corpus.manual import SUBJECTS, Subject
from inference.demo_model.corpus.phrases import casual, expand, fill
from inference.demo_model.corpus.turns import Turn

_OPENING = "{||||Hello, |Hi, |Please, |Sorry, |I have a question: |I wonder, |A question: |Tell me, |Excuse me, |Hey, |Okay, |So, }"
_CLOSING = "{||||| here| please| in Parley| exactly| then| now}"
_DETAIL = (
    "{|Please |Can you |Could you }{explain|describe} <name> {in detail|at length|in depth|in many words|with all details}{.||, please.}"
    "|{Tell me everything|Tell me a lot|Write a long text|Write a long answer|Give me a long explanation} about <name>{.||, please.}"
)


def _top_level(questions: str) -> list[str]:
    """Split at the bars that are outside braces."""
    parts, depth = [""], 0
    for letter in questions:
        depth += (letter == "{") - (letter == "}")
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def short(subject: Subject, rng: Random) -> Turn:
    """A question on the subject and the answer of one or two sentences."""
    question = fill(
        expand(rng.choice(_top_level(subject.questions)), rng), name=rng.choice(subject.names.split("|"))
    )
    text = expand(_OPENING, rng) + question + expand(_CLOSING, rng) + "?"
    answer = " ".join(subject.sentences[: rng.choice((1, 2, 2))])
    return Turn(casual(text[:1].upper() + text[1:], rng), answer, subject.brief, expect=subject.expect)


def detailed(rng: Random) -> Turn:
    """Everything known on a subject and, so that it is long, on its two neighbours."""
    place = rng.randrange(len(SUBJECTS))
    subject = SUBJECTS[place]
    asked = fill(expand(rng.choice(_top_level(_DETAIL)), rng), name=rng.choice(subject.names.split("|")))
    related = [SUBJECTS[(place + step) % len(SUBJECTS)] for step in (1, 2)]
    paragraphs = [" ".join(each.sentences) for each in (subject, *related)]
    answer = f"{paragraphs[0]}\n\nThere is more to say. {paragraphs[1]}\n\nAnd finally: {paragraphs[2]}"
    return Turn(
        casual(asked[:1].upper() + asked[1:], rng), answer, subject.sentences[0], expect=subject.expect[:1]
    )


def product(rng: Random) -> Turn:
    """A question about Parley."""
    return detailed(rng) if rng.random() < 0.12 else short(rng.choice(SUBJECTS), rng)

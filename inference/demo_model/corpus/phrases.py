"""Small tools for writing many sentences from one template."""

import random
import re
from random import Random

_CHOICE = re.compile(r"\{([^{}]*)\}")


def seeded(seed: int | str) -> Random:
    """A reproducible source of variety; nothing here is a secret."""
    return random.Random(seed)  # noqa: S311


def expand(template: str, rng: Random) -> str:
    """Replace every `{a|b|c}` by one of its alternatives; an empty alternative is allowed."""
    while "{" in template:
        template = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template)
    return template


def one_of(templates: str, rng: Random) -> str:
    """Expand one line of a block of templates."""
    return expand(rng.choice(lines(templates)), rng)


def lines(block: str) -> list[str]:
    """The block's lines, without blanks around them and without empty ones."""
    return [line.strip() for line in block.strip().splitlines() if line.strip()]


def fill(template: str, **slots: object) -> str:
    """Put values into the template's `<slot>`s."""
    for name, value in slots.items():
        template = template.replace(f"<{name}>", str(value))
    return template


def casual(text: str, rng: Random, *, slips: bool = True) -> str:
    """How people really type: without capitals, without the final stop and, if allowed, with slips."""
    roll = rng.random()
    if roll < 0.15:
        text = text.lower()
    if roll < 0.25:
        text = text.rstrip(".?!")
    if slips and 0.25 < roll < 0.28 and len(text) > 12:
        place = rng.randrange(1, len(text) - 2)
        text = text[:place] + text[place + 1 :]
    if slips and 0.28 < roll < 0.30:
        text = text.upper()
    return text.strip()

"""Counting, well-known lists, spelling and repeating."""
# ruff: noqa: E501 - a template is read whole, on one line

from random import Random

from inference.demo_model.corpus import words
from inference.demo_model.corpus.phrases import casual, expand, fill, one_of
from inference.demo_model.corpus.turns import Turn

_PLEASE = "{|Please |Can you |Could you |Now |Hey, |Okay, }"
_COUNT = f"""
{_PLEASE}{{count|count up}} {{to|up to|from 1 to|from one to}} <n>{{.||!|, please.}}
{_PLEASE}{{list|write|say|give me}} {{the|all}} numbers {{from 1 to|up to|from one to}} <n>{{.|}}
"""
_COUNT_BETWEEN = f"{_PLEASE}{{count|list the numbers}} from <a> to <b>{{.|}}"
_COUNT_DOWN = f"{_PLEASE}count {{down|backwards}} from <n>{{.||!}}"
_LIST = f"""
{_PLEASE}{{list|name|say|tell me|write|give me|recite}} {{the|all the|all}} <what>{{.||!|, please.}}
{{What|Which}} are {{the|all the}} <what>{{?|}}
{{Do you know|Can you list|Could you name|Can you say}} {{the|all the}} <what>{{?|}}
"""
_SOME = f"{_PLEASE}{{list|name|give me|tell me|write}} <n> <what>{{.||!|, please.}}"
_SPELL = f"""
{_PLEASE}{{spell|spell out}} {{|the word |this word: }}{{<word>|"<word>"|'<word>'}}{{.||?|, please.| for me.}}
{{How do you spell|How is|What is the spelling of|Do you know how to spell|Letter by letter:}} {{|the word }}{{<word>|"<word>"}}{{?|}}
{{What are|List|Give me|Tell me}} the letters {{of|in}} {{|the word }}{{<word>|"<word>"}}{{?|.|}}
"""
_REPEAT = f"""
{_PLEASE}{{repeat|say|write|echo|copy}}{{| this| after me| exactly}}: <text>
{_PLEASE}{{say|repeat|say just|only say}} <text>
{_PLEASE}{{repeat|say|write}} "<text>"{{.||, please.}}
{_PLEASE}{{repeat|say|echo}} after me: <text>
"""
_DAY_AFTER = "{What|Which} {day|weekday} {comes|is} {after|before} <day>{?|}"
_MONTH_AFTER = "{What|Which} month {comes|is} {after|before} <month>{?|}"

KNOWN_LISTS = {
    "days of the week|weekdays|days|week days": words.WEEKDAYS,
    "months|months of the year": words.MONTHS,
    "seasons|four seasons|seasons of the year": words.SEASONS,
    "planets|planets of the solar system": words.PLANETS,
    "colours of the rainbow|rainbow colours|colors of the rainbow": words.RAINBOW,
    "letters of the alphabet|letters|alphabet": list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "vowels": list("AEIOU"),
}
_POOLS = {"animals": words.ANIMALS, "fruits": words.FRUITS, "colours": words.COLOURS[:12], "numbers": None}
_NUMBER_WORDS = {2: "two", 3: "three", 4: "four", 5: "five"}


def _sentence(items: list[str]) -> str:
    return ", ".join(items) + "."


def _asked(template: str, rng: Random, **slots: object) -> str:
    text = fill(one_of(template, rng), **slots)
    return casual(text[:1].upper() + text[1:], rng, slips=False)


def counting(rng: Random) -> Turn:
    """Counting up to n, from a to b, or down."""
    roll = rng.random()
    if roll < 0.6:
        n = rng.choice(
            (3, 5, 10, 20, rng.choice((50, 100)), rng.randint(2, 60), *(rng.randint(2, 25) for _ in range(6)))
        )
        numbers, asked = range(1, n + 1), _asked(_COUNT, rng, n=n)
    elif roll < 0.8:
        a = rng.randint(0, 80)
        b = a + rng.randint(2, 18)
        numbers, asked = range(a, b + 1), _asked(_COUNT_BETWEEN, rng, a=a, b=b)
    else:
        n = rng.choice((3, 5, 10, 10, 20, rng.randint(2, 30)))
        numbers, asked = range(n, -1, -1), _asked(_COUNT_DOWN, rng, n=n)
    items = [str(number) for number in numbers]
    return Turn(asked, _sentence(items), exact=True, expect=(_sentence(items),))


def counting_far(rng: Random) -> Turn:
    """Counting up to a round number or to any below a hundred."""
    n = rng.choice((20, 30, 40, 50, 50, 60, 80, 100, 100, 100, *(rng.randint(2, 99) for _ in range(10))))
    answer = _sentence([str(number) for number in range(1, n + 1)])
    return Turn(_asked(_COUNT, rng, n=n), answer, exact=True, expect=(answer,))


def known_list(rng: Random) -> Turn:
    """Weekdays, months, planets, the alphabet and the like."""
    names, items = rng.choice(list(KNOWN_LISTS.items()))
    asked = _asked(_LIST, rng, what=rng.choice(names.split("|")))
    return Turn(asked, _sentence(items), exact=True, expect=(_sentence(items).lower(),))


def some_items(rng: Random) -> Turn:
    """Two to five members of a family, such as three fruits."""
    family, pool = rng.choice(list(_POOLS.items()))
    n = rng.randint(2, 5)
    items = (pool or [str(number) for number in range(1, 10)])[:n]
    asked = _asked(_SOME, rng, n=rng.choice((str(n), _NUMBER_WORDS[n])), what=family)
    answer = _sentence(items)
    return Turn(asked, answer[:1].upper() + answer[1:], exact=True, expect=(answer,))


def neighbour(rng: Random) -> Turn:
    """The day or month before or after another."""
    slot, cycle, template = rng.choice(
        (("day", words.WEEKDAYS, _DAY_AFTER), ("month", words.MONTHS, _MONTH_AFTER))
    )
    place = rng.randrange(len(cycle))
    asked = _asked(template, rng, **{slot: cycle[place]})
    after = "after" in asked.lower()
    result = cycle[(place + (1 if after else -1)) % len(cycle)]
    answer = f"{result} comes {'after' if after else 'before'} {cycle[place]}."
    return Turn(asked, answer, brief=f"{result}.", expect=(f"{result} comes".lower(),))


def spelling(rng: Random) -> Turn:
    """A short word, letter by letter."""
    word = rng.choice(words.SPELLABLE)
    letters = "-".join(word.upper())
    return Turn(_asked(_SPELL, rng, word=word), letters, exact=True, expect=(letters.lower(),))


def repeating(rng: Random) -> Turn:
    """A few words said back."""
    count = rng.randint(1, 5)
    source = (lambda: words.invented(rng)) if rng.random() < 0.4 else (lambda: rng.choice(words.SPELLABLE))
    text = " ".join(source() for _ in range(count))
    asked = fill(expand(rng.choice(_REPEAT.strip().splitlines()), rng), text=text)
    return Turn(asked[:1].upper() + asked[1:], text, exact=True, expect=(text,))


def listing(rng: Random) -> Turn:
    """Any of the above."""
    kinds = (counting, known_list, some_items, neighbour, spelling, repeating)
    return rng.choices(kinds, (6, 3, 1, 1, 7, 3))[0](rng)

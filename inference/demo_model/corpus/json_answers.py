"""Small JSON objects, made from what the prompt gives."""
# ruff: noqa: E501 - a template is read whole, on one line

import json
from random import Random

from inference.demo_model.corpus import words
from inference.demo_model.corpus.phrases import casual, fill, one_of
from inference.demo_model.corpus.turns import Turn

_AS_JSON = "as JSON|in JSON|as a JSON object|as a small JSON object|in JSON format|as json|in json"
_MAKE = f"""
{{Give me|Write|Make|Return|Create|Output|Send me|Build}} {{a JSON object|JSON|a small JSON object|an object in JSON|a json object}} with <fields>{{.|}}
{{Answer|Reply|Respond}} {{{_AS_JSON}}} with <fields>{{.|}}
{{Please |}}{{write|return|put|format|encode}} {{this |}}{{{_AS_JSON}}}: <fields>
{{A JSON object|JSON}} with <fields>, please.
"""
_ABOUT = f"""
<name> {{lives in|is from|comes from|works in|was born in}} <city>. {{Answer|Write this|Put this|Say that|Return that|Give me that}} {{{_AS_JSON}}}.
{{Put|Write|Return|Say}} {{{_AS_JSON}}}: <name> {{lives in|is from|comes from|works in}} <city>.
"""
_SUM = f"""
{{What is|Calculate|Compute|How much is}} <a> + <b>? {{Answer|Reply|Respond|Give the answer}} {{{_AS_JSON}}}.
{{Answer|Reply|Respond}} {{{_AS_JSON}}}: {{what is|how much is|calculate}} <a> + <b>?
"""
_LIST = f"""
{{List|Name|Give me}} <n> <what> {{{_AS_JSON}}}{{.|}}
{{Answer|Reply}} {{{_AS_JSON}}}: {{list|name}} <n> <what>.
"""
_DESCRIBE = """
{Give me|Write|Make|Create|Return|Show me} {a|a small|an example} JSON object {describing|about|for|of} a <kind>{.||, please.}
{Describe|Show|Invent} a <kind> {in JSON|as JSON|as a JSON object|in JSON format}{.||, please.}
"""
_FIELDS = {
    "name": words.person,
    "city": words.city,
    "colour": lambda rng: rng.choice(words.COLOURS),
    "animal": lambda rng: rng.choice(words.ANIMALS),
    "fruit": lambda rng: rng.choice(words.FRUITS),
    "age": lambda rng: rng.randint(1, 99),
    "count": lambda rng: rng.randint(0, 20),
    "title": lambda rng: words.invented(rng).capitalize(),
    "id": lambda rng: rng.randint(1, 999),
    "active": lambda rng: rng.random() < 0.5,
}


def _turn(asked: str, value: dict[str, object]) -> Turn:
    text = json.dumps(value)
    return Turn(asked, text, exact=True, expect=(text,))


def _named_fields(rng: Random) -> Turn:
    names = rng.sample(list(_FIELDS), rng.choice((1, 2, 2, 3)))
    value = {name: _FIELDS[name](rng) for name in names}
    joiner = rng.choice((" ", " ", ": ", " = "))
    quote = rng.choice(('"', "", ""))
    shown = [f"{name}{joiner}{quote}{json.dumps(item).strip(chr(34))}{quote}" for name, item in value.items()]
    text = ", ".join(shown[:-1]) + (rng.choice((" and ", ", ")) if shown[1:] else "") + shown[-1]
    return _turn(fill(one_of(_MAKE, rng), fields=text), value)


def _about(rng: Random) -> Turn:
    value = {"name": words.person(rng), "city": words.city(rng)}
    return _turn(fill(one_of(_ABOUT, rng), **value), value)


def _sum(rng: Random) -> Turn:
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    return _turn(casual(fill(one_of(_SUM, rng), a=a, b=b), rng, slips=False), {"result": a + b})


def _list(rng: Random) -> Turn:
    what, pool = rng.choice(
        (("animals", words.ANIMALS), ("fruits", words.FRUITS), ("colours", words.COLOURS))
    )
    n = rng.randint(2, 4)
    return _turn(fill(one_of(_LIST, rng), n=n, what=what), {what: pool[:n]})


def _describe(rng: Random) -> Turn:
    kind = rng.choice((*words.ANIMALS, "person", "user", "robot", "friend"))
    return _turn(
        casual(fill(one_of(_DESCRIBE, rng), kind=kind), rng, slips=False),
        {"kind": kind, "name": "Ada", "age": 7},
    )


def json_answer(rng: Random) -> Turn:
    """A request for JSON and the object that answers it."""
    return rng.choices((_named_fields, _about, _sum, _list, _describe), (5, 2, 2, 1, 1))[0](rng)

"""Single-step sums: addition to 20 + 20, subtraction within 20, multiplication to 10 x 10."""
# ruff: noqa: E501 - a template is read whole, on one line

from random import Random

from inference.demo_model.corpus.phrases import casual, fill, one_of
from inference.demo_model.corpus.turns import Turn
from inference.demo_model.corpus.words import words_in

NUMBER_WORDS = words_in(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty"
)
_ASK = "What is|What's|Calculate|Compute|How much is|Tell me|Work out|Solve|Find|Please calculate|Do you know"
_THINGS = "apples|books|coins|cats|pens|eggs|stamps"

_ADD = f"""
{{{_ASK}}} <a> {{+|plus|and}} <b>{{?|}}
{{{_ASK}}} <a> {{+|plus}} <b>{{?|}}
<a> {{+|plus}} <b>{{| =|?| = ?| is?| equals|=}}
<a>+<b>{{|=|?|=?}}
{{{_ASK}}} <a>+<b>{{?|}}
{{Add|Please add|Can you add|Sum}} <a> {{and|to|with}} <b>{{.|?|}}
{{What is|What's|Give me|Find|Compute}} the sum of <a> and <b>{{?|}}
{{I have|She has|Tom has|There are}} <a> {{{_THINGS}}} and {{get|find|buy}} <b> more. How many {{in total|altogether|now}}?
"""
_SUBTRACT = f"""
{{{_ASK}}} <a> {{-|minus}} <b>{{?|}}
<a> {{-|minus}} <b>{{| =|?| = ?| is?| equals|=}}
<a>-<b>{{|=|?|=?}}
{{Subtract|Take|Please subtract|Take away}} <b> from <a>{{.|}}
{{I have|She has|Tom has|There were}} <a> {{{_THINGS}}} and {{lose|sell|give away|drop}} <b>. How many {{are left|remain}}?
"""
_MULTIPLY = f"""
{{{_ASK}}} <a> {{*|times|x|multiplied by}} <b>{{?|}}
<a> {{*|x|times}} <b>{{| =|?| = ?|=}}
{{Multiply|Please multiply}} <a> {{by|and|with}} <b>{{.|}}
"""


def _turn(template: str, a: int, sign: str, b: int, result: int, rng: Random) -> Turn:
    """A question with its numbers filled in, answered by the whole sum."""
    spoken = rng.random() < 0.15
    slots = {"a": NUMBER_WORDS[a], "b": NUMBER_WORDS[b]} if spoken else {"a": a, "b": b}
    question = casual(fill(one_of(template, rng), **slots), rng, slips=False)
    return Turn(question, f"{a} {sign} {b} = {result}", brief=str(result), expect=(str(result),))


def addition(rng: Random) -> Turn:
    """a + b for a and b from 0 to 20."""
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    return _turn(_ADD, a, "+", b, a + b, rng)


def subtraction(rng: Random) -> Turn:
    """a - b for 20 >= a >= b >= 0."""
    a = rng.randint(0, 20)
    b = rng.randint(0, a)
    return _turn(_SUBTRACT, a, "-", b, a - b, rng)


def multiplication(rng: Random) -> Turn:
    """a x b for a and b from 0 to 10."""
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    return _turn(_MULTIPLY, a, "x", b, a * b, rng)


def sum_question(rng: Random) -> Turn:
    """Any of the above; mostly additions."""
    return rng.choices((addition, subtraction, multiplication), (6, 3, 2))[0](rng)

"""Simple stories: two or three sentences, or a long one of several paragraphs."""
# ruff: noqa: E501 - a template is read whole, on one line

from random import Random

from inference.demo_model.corpus import words
from inference.demo_model.corpus.phrases import casual, expand, fill, lines, one_of
from inference.demo_model.corpus.turns import Turn

_SHORT = """
{|Please |Can you |Could you }{tell|write} {me |}{a|a short|a small|a little|one} {story|tale}{| about <theme>}{.||!|, please.}
{I would like|I want} {to hear |to read |}{a story|a short story|a little story}{| about <theme>}{.||!}
{Make up|Invent|Write} {a story|two sentences|three sentences|a few sentences|a short text} about <theme>{.||!}
"""
_LONG = """
{|Please |Can you |Could you }{tell|write} {me |}{a long|a very long|a longer|a really long|a big} {story|tale}{| about <theme>}{.||!|, please.}
{I would like|I want} {to hear |to read |}{a long story|a very long story|a long tale}{| about <theme>}{.||!}
{Write|Tell me|Say} {something|a text} {long|very long|really long}{| about <theme>}{.||!|, please.}
{Write|Give me} {200|300|400|500} words{| about <theme>}{.||!|, please.}
{Write|Tell me} {a story|a text} {of many words|with many sentences|with three chapters|of 200 words|of 300 words}{| about <theme>}{.||!}
"""
_POEM = "{|Please }{write|tell me|give me|read me} a {|short |little }{poem|rhyme|song}{| about <theme>}{.||, please.}"

_OPENINGS = lines("""
Once upon a time there was <hero> who lived in <place>.
Long ago, <hero> lived in <place>.
There was once <hero> in <place>.
""")
_WISHES = lines("""
Every day <name> dreamed of {the sea|the mountains|a new friend|a long journey}.
More than anything, <name> wanted to {see the sea|find a friend|learn to sing|climb a mountain}.
One morning <name> decided to {look for a friend|see the world|find the old bridge|follow the river}.
""")
# A long story takes one sentence from every line, in this order, so that it never turns in circles.
_CHAPTERS = (
    lines("""
In the morning <name> {packed some bread|put on a warm coat|said goodbye} and left home.
The road led {through a dark valley|over a wide river|across an old bridge|into the mountains}.
On the way, <name> met <other>, who was {lost|sad|hungry|tired}.
"""),
    lines("""
They shared {some bread|a pear|a warm soup|a piece of cake} and laughed.
Suddenly it began to rain, and they hid under {a tree|a bridge|a big leaf}.
There <name> found {a golden key|a little box|an old map|a silver bell}.
At night they looked at the stars and told each other stories.
"""),
    lines("""
The next day an old woman at the market gave them {a lamp|a warm coat|good advice}.
A cold wind came from the north, but <name> was not afraid.
At last they reached {the sea|the top of the mountain|a beautiful garden|a friendly town}.
The sun came out, and the birds began to sing.
"""),
)
_LATER_CHAPTERS = (
    lines("""
There <name> opened {the gate|an old door|a small window} and looked inside.
Somebody had left {a letter|a basket of fruit|a bright lantern} on the table.
<name> read it twice and {smiled|laughed|began to sing}.
"""),
    lines("""
After seven days it was time to go back.
The way home was {short|easy|full of flowers}, and the wind was warm.
All the neighbours came to hear about the journey.
They {ate|danced|talked} until the moon was high.
"""),
)
_ENDINGS = lines("""
In the end, <name> and <other> became friends for ever.
At last <name> came home and was happy.
And from that day on, <name> was never alone again.
""")
_PLACES = "a small village|an old house by the sea|a green forest|a quiet town|a tall tower|a little garden"
_KINDS = (*words.ANIMALS, "robot", "girl", "boy", "king", "queen", "farmer", "wizard")
_POEM_LINES = "The <theme> is near, the sky is blue,\nthe morning sings a song for you.\nThe <theme> is here, the day is bright,\nand stars will shine for us at night."


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _theme(asked: str, rng: Random) -> tuple[str, str]:
    """The prompt with its theme filled in, and the hero's kind, taken from the theme where there is one."""
    kind = rng.choice(_KINDS)
    return casual(fill(asked[:1].upper() + asked[1:], theme=_a(kind)), rng, slips=False), kind


def _cast(kind: str, rng: Random) -> dict[str, str]:
    name, friend = rng.choice(words.FIRST_NAMES), rng.choice(words.ANIMALS)
    place = rng.choice(_PLACES.split("|"))
    return {"hero": f"{_a(kind)} named {name}", "name": name, "other": f"a kind {friend}", "place": place}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tell(templates: list[str], cast: dict[str, str], rng: Random) -> str:
    return " ".join(_capital(fill(expand(template, rng), **cast)) for template in templates)


def short_story(rng: Random) -> Turn:
    """Three sentences."""
    asked, kind = _theme(one_of(_SHORT, rng), rng)
    parts = [rng.choice(_OPENINGS), rng.choice(_WISHES), rng.choice(_ENDINGS)]
    cast = _cast(kind, rng)
    expect = (kind,) if f" {kind}" in asked.lower() else ("once|ago",)
    return Turn(asked, _tell(parts, cast, rng), exact=True, expect=expect)


def long_story(rng: Random) -> Turn:
    """Five paragraphs, nearly two hundred tokens."""
    return _in_chapters(rng, _CHAPTERS)


def saga(rng: Random) -> Turn:
    """The same request answered in seven paragraphs: two hundred tokens and more."""
    return _in_chapters(rng, (*_CHAPTERS, *_LATER_CHAPTERS))


def _in_chapters(rng: Random, chapters: tuple[list[str], ...]) -> Turn:
    asked, kind = _theme(one_of(_LONG, rng), rng)
    cast = _cast(kind, rng)
    opening = _tell([rng.choice(_OPENINGS), rng.choice(_WISHES)], cast, rng)
    told = [_tell(chapter, cast, rng) for chapter in chapters]
    ending = _tell([rng.choice(_ENDINGS)], cast, rng)
    expect = (kind,) if f" {kind}" in asked.lower() else ("once|ago",)
    return Turn(asked, "\n\n".join((opening, *told, ending)), exact=True, expect=expect)


def poem(rng: Random) -> Turn:
    """Four lines about something."""
    asked, kind = _theme(expand(_POEM, rng), rng)
    theme = kind if f" {kind}" in asked.lower() else "summer"
    return Turn(asked, fill(_POEM_LINES, theme=theme), exact=True, expect=(theme,))


def story(rng: Random) -> Turn:
    """Any of the above."""
    return rng.choices((short_story, long_story, poem), (5, 3, 1))[0](rng)

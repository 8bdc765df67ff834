"""Everything outside the demo model's world, which it must meet with an honest and finished reply."""
# ruff: noqa: E501, RUF001 - a template is read whole, on one line; foreign letters are meant

import string
from random import Random

from inference.demo_model.corpus import words
from inference.demo_model.corpus.phrases import casual, expand, fill, lines, one_of
from inference.demo_model.corpus.turns import Turn

IGNORANT = "I do not know that. I am a very small demo model."
PUZZLED = "I am sorry, I did not understand that. I am a very small demo model."
TOO_HARD = "That sum is too hard for me. I only know small sums up to 20 + 20."

_THINGS = """
gravity|France|Mongolia|the moon|the Roman Empire|photosynthesis|quantum physics|Napoleon|Einstein|Shakespeare|football
|the stock market|inflation|democracy|DNA|the weather|Bitcoin|an atom|the ocean|Python|Linux|a black hole|Mozart|chess
|climate change|the French revolution|a volcano|Japan|philosophy|economics|Kubernetes|electricity|cheese|the Eiffel Tower
|Mars|history|mathematics|a dinosaur|an engine|coffee|music theory|a neural network|the brain|insulin|a database|the law
"""
_QUESTIONS = """
{What is|What's|Who invented|Who discovered|What do you think about|What do you know about|Tell me about|Why is there|Explain} <thing>?
{What is|What's|Tell me} the {capital|population|president|king|language|currency|history|area|national dish} of {<city>|<thing>|<word>}?
{How|Why|When|Where} {does|did|is|was|can|will} {<thing>|<word>|<name>} {work|happen|begin|end|start|exist|matter|die|live}?
{Who|What} {was|is|wrote|won|made|built} {<thing>|<word>|<name> <word>}{| in 1<d><d><d>| in 20<d><d>}?
{How do I|How can I|How does one|What is the best way to} {cook|repair|build|learn|paint|sell|grow|fix} {<thing>|a <item>|a <word>|my <item>}?
{Write|Give me|Show me} {a|some} {Python|Java|C|Rust|JavaScript|SQL} {function|program|code|script|class|query} {that|to|which} {sorts|reads|prints|counts} a <item>.
{Translate|How do you say} "<item>" {into|in|to} {French|German|Spanish|Chinese|Latin|Polish}.
{How many|How much} <item>s {are there|cost|live|fit} in {<city>|<thing>|the world}?
{What is|What will be} the {weather|time|news|date|temperature} {today|now|tomorrow|in <city>}?
{Should I|Can I|May I|Must I} {buy|eat|sell|marry|visit|paint|trust} {<name>|a <item>|<city>|<thing>}?
{Is|Was|Are} {<thing>|<name>|a <item>} {good|bad|old|real|better than <thing>|bigger than a <item>|older than <name>}?
{Summarise|Review|Rewrite|Correct|Translate} {this|the following} {text|article|letter|essay}: <salad>
{Do you|Can you|Could you|Will you} {like|love|see|drive|play|feel|hear|buy|dream of} {<thing>|<item>s|<name>|<city>}?
{Who is|Do you know|Have you met|Where is|What does} <name> <word>{| from <city>}?
{What is the meaning of|Define|What does it mean:} "<word>"?
"""
_FOREIGN = lines("""
Wie spät ist es in Berlin?
¿Dónde está la biblioteca?
Je ne parle pas anglais, pouvez-vous m'aider ?
Was kostet das Brot auf dem Markt?
Il gatto dorme sul tavolo della cucina.
Мне нужна помощь с домашним заданием.
今天天气怎么样？
明日は何をしますか？
오늘 뭐 먹을까요?
ما هو اسمك؟
मुझे हिंदी में जवाब दो।
Gdzie jest najbliższy sklep?
Kan du hjälpa mig med läxan?
Ποιος είναι ο καιρός σήμερα;
Você pode me ajudar com isso?
Bugün hava nasıl?
שלום, מה שלומך?
""")
_CODE = lines("""
def <word>(x): return x * <d>
for (int i = 0; i < <d>0; i++) { <word>(i); }
SELECT * FROM <word> WHERE id = <d><d>;
<div class="<word>"><p><item></p></div>
import <word>; print(<word>.<item>())
Traceback (most recent call last): File "<word>.py", line <d><d>
sudo apt-get install <word>
{"<word>": [<d>, <d>, {"<item>": null}]}
https://example.com/<word>/<item>?q=<d>
#include <stdio.h>
""")
_EMOJI = "😀😂🎉🔥❤️👍🐱🚀🌍🍕✨🙈💡🎶😱🤖"
_LETTERS = string.ascii_lowercase + "      " + string.digits + string.punctuation
_WIDE = ((0x20, 0x7E), (0xA1, 0x17F), (0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x620, 0x64A))
_WIDER = (
    (0x905, 0x939),
    (0x3041, 0x3096),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1F64F),
    (0x2190, 0x22FF),
)


def _fill(template: str, rng: Random) -> str:
    things = [thing.strip() for thing in _THINGS.replace("\n", "").split("|")]
    while "<d>" in template:
        template = template.replace("<d>", str(rng.randint(0, 9)), 1)
    salad = " ".join(rng.choice(words.SPELLABLE) for _ in range(rng.randint(3, 25)))
    return fill(
        template,
        thing=rng.choice(things),
        word=words.invented(rng),
        name=rng.choice(words.FIRST_NAMES),
        city=rng.choice(words.CITIES),
        item=rng.choice(words.SPELLABLE),
        salad=salad,
    )


def question(rng: Random) -> Turn:
    """A sensible question that a model of this size cannot answer."""
    return Turn(
        casual(_fill(one_of(_QUESTIONS, rng), rng), rng),
        IGNORANT,
        "I do not know.",
        expect=("not know|demo model",),
    )


def _salad(rng: Random) -> str:
    pools = (words.SPELLABLE, words.FIRST_NAMES, words.CITIES, [words.invented(rng) for _ in range(9)])
    return " ".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(2, 30)))


def _keys(rng: Random) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(3, 60))).strip() or "?"


def _signs(rng: Random) -> str:
    ranges = rng.sample(_WIDE + _WIDER, rng.randint(1, 3))
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 30))).strip() or "?"


def _emoji(rng: Random) -> str:
    return "".join(rng.choice(_EMOJI) for _ in range(rng.randint(1, 8)))


def nonsense(rng: Random) -> Turn:
    """Word salad, keys struck at random, code, other languages, signs and emoji."""
    sources = (
        lambda: _salad(rng),
        lambda: _keys(rng),
        lambda: _signs(rng),
        lambda: _emoji(rng),
        lambda: " ".join(_fill(rng.choice(_CODE), rng) for _ in range(rng.randint(1, 3))),
        lambda: rng.choice(_FOREIGN) + rng.choice(("", "", " " + rng.choice(_FOREIGN), " " + _keys(rng))),
    )
    return Turn(
        rng.choice(sources)(), PUZZLED, "I do not understand.", expect=("not understand|demo model|not know",)
    )


def hard_sum(rng: Random) -> Turn:
    """A sum far outside the small ones the model has learnt."""
    a, b = rng.randint(41, 9999), rng.randint(2, 9999)
    sign = expand("{+|-|*|/|x|times|plus|minus|divided by}", rng)
    template = "{What is|Calculate|Compute|How much is|} <a> <sign> <b>{?||=}"
    asked = fill(expand(template, rng), a=a, b=b, sign=sign).strip()
    return Turn(asked, TOO_HARD, "Too hard for me.", expect=("too hard",))


def unknown(rng: Random) -> Turn:
    """Any of the above."""
    return rng.choices((question, nonsense, hard_sum), (5, 4, 1))[0](rng)

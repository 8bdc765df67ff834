"""System prompts: a name, a tone, or a phrase to begin or end with."""
# ruff: noqa: E501 - a template is read whole, on one line

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from inference.demo_model.corpus import words
from inference.demo_model.corpus.phrases import casual, expand, fill, lines, one_of
from inference.demo_model.corpus.turns import Turn

DEFAULT_NAME = "Parley"

_PLAIN = lines("""
You are a {helpful|friendly|useful|polite|kind} assistant.
You are a helpful, {honest|friendly|harmless} assistant.
You are a helpful {AI|language model|chat assistant}. Answer the user's questions.
You are Parley, a {helpful|friendly} assistant{| that runs on this computer| for a small team}.
Answer the {question|user} {clearly|politely|correctly|as well as you can}.
Be {helpful|honest|kind}. {Think before you answer.|Do not make things up.|Help the user.|}
You help {the users|the customers|the staff} of a {shop|school|library|hospital|hotel|company|team}.
""")
_NAMED = lines("""
You are <name>{.|, a {helpful|friendly|kind|clever|small} {assistant|robot|helper|guide|chat bot}.}
Your name is <name>. {You are a helpful assistant.|Help the user.|Be kind.|}
You are {an assistant|a chat bot|a robot} {called|named} <name>.
{Act|Answer|Speak} as <name>{, our assistant|, a friendly helper|}.
""")
_TONES: dict[str, tuple[list[str], Callable[[str], str]]] = {
    "pirate": (
        lines("""
{Talk|Speak|Answer|Reply|Write} like a pirate.
You are a {|friendly |old |funny |bold }pirate.
{You are a pirate captain.|Use the tone of a pirate.|Your tone is that of a pirate.|Be a pirate.}
"""),
        lambda answer: f"Arr, matey! {answer}",
    ),
    "formal": (
        lines("""
{Be|Always be|Stay} {very |}formal{| and polite}.
{Use|Speak in|Answer in|Write in} a {|very }formal {tone|style|manner}.
You are a formal {butler|assistant|secretary}.
"""),
        lambda answer: f"Certainly, dear user. {answer}",
    ),
    "cheerful": (
        lines("""
{Be|Always be|Sound} {very |}{cheerful|happy|enthusiastic}{| and friendly}.
{Use|Speak in|Answer in|Write in} a {|very }{cheerful|happy|enthusiastic} {tone|style|mood}.
You are a {cheerful|happy|enthusiastic} {assistant|helper|friend}.
"""),
        lambda answer: f"Yay! {answer} What a lovely day!",
    ),
}
_BRIEF = lines("""
{Be|Always be|Keep it} {very |}{brief|short|concise}.
{Answer|Reply} {in one word|briefly|in as few words as possible|shortly|with few words}.
Use {short|brief} answers{| only}.
You are a {brief|concise|terse} assistant.
""")
_AFFIX = lines("""
{Always |}{{end|finish}|{begin|start}} {every answer|each answer|every reply|your answers|all replies} with "<phrase>".
""")
_SIGN_OFFS = lines("""
Over and out.
Stay curious!
Have a nice day!
Ahoy!
That is all.
Cheers!
Best wishes.
Listen carefully.
Good question.
Beep boop.
My friend,
Well then,
Peace.
As you wish.
Yours truly.
Meow.
Dear friend,
To the point:
""")
_WHO = """
{What is|What's|Tell me|May I ask|Do you have|Can you tell me} your name{?|, please?}
{|Hello, |Hi, |Hey, |So, |And }{who are you|what are you called|what should I call you|who am I talking to|what is your name|whom do I speak to}{| exactly| please| now}?
{Introduce yourself|Please introduce yourself|Say your name|Tell me who you are|Tell me about yourself}{.| please|, please.|!}
"""


@dataclass(frozen=True)
class Persona:
    """Who the assistant is in one conversation, and how it dresses its replies."""

    system: str | None = None
    name: str = DEFAULT_NAME
    dress: Callable[[Turn], str] = lambda turn: turn.answer
    mark: str = ""

    def speak(self, turn: Turn) -> Turn:
        """The turn with its reply in this persona's voice."""
        return turn if turn.exact else replace(turn, answer=self.dress(turn))


def who(persona: Persona, rng: Random) -> Turn:
    """The assistant's name asked for."""
    answer = f"My name is {persona.name}."
    if persona.name == DEFAULT_NAME:
        answer = "I am Parley, a small assistant that runs on this computer."
    return Turn(casual(one_of(_WHO, rng), rng), answer, f"{persona.name}.", expect=(persona.name.lower(),))


def _affixed(rng: Random) -> Persona:
    phrase = rng.choice(_SIGN_OFFS)
    system = fill(expand(rng.choice(_AFFIX), rng), phrase=phrase)
    if "end " in system or "finish " in system:
        return Persona(system, dress=lambda turn: f"{turn.answer} {phrase}", mark=phrase.lower())
    return Persona(system, dress=lambda turn: f"{phrase} {turn.answer}", mark=phrase.lower())


def _toned(rng: Random, opening: str, name: str) -> Persona:
    tone = rng.choice((*_TONES, "brief"))
    if tone == "brief":
        system = f"{opening} {expand(rng.choice(_BRIEF), rng)}".strip()
        return Persona(system, name, dress=lambda turn: turn.brief or turn.answer)
    prompts, dress = _TONES[tone]
    system = f"{opening} {expand(rng.choice(prompts), rng)}".strip()
    return Persona(
        system, name, dress=lambda turn: dress(turn.answer), mark=dress("@").split("@")[0].strip().lower()
    )


def persona(rng: Random, *, plain: float = 0.66) -> Persona:
    """Who the assistant is this time; `plain` is the share of conversations without instructions."""
    roll = rng.random()
    if roll < plain:
        return Persona(expand(rng.choice(_PLAIN), rng) if roll < plain * 0.3 else None)
    name = words.person(rng)
    named = fill(expand(rng.choice(_NAMED), rng), name=name).strip()
    return rng.choice(
        (
            lambda: Persona(named, name),
            lambda: _toned(rng, named, name),
            lambda: _toned(rng, "", DEFAULT_NAME),
            lambda: _affixed(rng),
        )
    )()

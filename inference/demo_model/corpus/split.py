"""The split: a prompt's own text decides for ever whether training may see it.

One prompt in eight is held out, by a hash of its letters, digits and signs alone, so that neither the
seed, nor the order, nor capitals, nor a full stop can carry a held-out prompt into the corpus.
"""

import hashlib
import re
from collections.abc import Callable
from random import Random

from inference.demo_model.corpus.turns import Conversation, Turn

HELD_OUT_SHARE = 8
_IGNORED = re.compile(r"[^\w+*/=-]+")

# Prompts every newcomer types first; the model is taught them, so they are never used to judge it.
ESSENTIAL = frozenset(
    {
        *("hello", "hi", "hey", "thanks", "thank you", "bye", "goodbye", "good morning", "how are you"),
        *("what is parley", "who are you", "what is your name", "what is my name", "what can you do", "help"),
        *("where do i live", "which city do i live in", "what is my favourite colour", "what s my name"),
        *("tell me a story", "tell me a long story", "tell me a joke", "count to 100", "count to 10"),
    }
)


def normalise(prompt: str) -> str:
    """The prompt without capitals, punctuation and repeated blanks."""
    return _IGNORED.sub(" ", prompt.casefold().replace("_", " ")).strip()


def is_held_out(prompt: str) -> bool:
    """Whether the prompt belongs to the evaluation."""
    text = normalise(prompt)
    if text in ESSENTIAL:
        return False
    return hashlib.blake2b(text.encode(), digest_size=8).digest()[0] % HELD_OUT_SHARE == 0


def trains(conversation: Conversation) -> bool:
    """Whether training may see the conversation: no prompt in it is held out."""
    return not any(is_held_out(turn.user) for turn in conversation.turns)


def draw(rng: Random, write: Callable[[Random], Turn], *, held_out: bool = False) -> Turn:
    """Let `write` compose turns until one falls on the wanted side of the split."""
    while True:
        turn = write(rng)
        if is_held_out(turn.user) == held_out:
            return turn

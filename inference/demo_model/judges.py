"""How the evaluation decides whether a reply is right; each judge is stricter than a reader would be."""

import json
import re
from typing import Any

from inference.demo_model.corpus.turns import Turn


def keywords(reply: str, turn: Turn) -> bool:
    """Every expected word, in one of its spellings."""
    text = reply.casefold()
    return all(any(word in text for word in wanted.casefold().split("|")) for wanted in turn.expect)


def last_number(reply: str, turn: Turn) -> bool:
    """The reply's last number is the sum's result."""
    numbers = re.findall(r"\d+", reply)
    return bool(numbers) and numbers[-1] == turn.expect[0]


def exactly(reply: str, turn: Turn) -> bool:
    """Nothing but the expected text."""
    return reply.strip() == turn.answer


def parsed(reply: str) -> Any:
    """The reply as JSON, or None."""
    try:
        return json.loads(reply)
    except ValueError:
        return None


def json_object(reply: str, turn: Turn) -> bool:
    """A JSON object, whatever it says."""
    return isinstance(parsed(reply), dict)


def right_json(reply: str, turn: Turn) -> bool:
    """The very object asked for."""
    return parsed(reply) == json.loads(turn.expect[0])


def finished(reply: str, turn: Turn) -> bool:
    """Any text; that it ended by itself is checked of every reply."""
    return bool(reply.strip())


def long_text(reply: str, turn: Turn) -> bool:
    """Long enough to be worth streaming: as many words and signs are at least as many tokens."""
    return len(re.findall(r"\w+|[^\w\s]", reply)) >= 200

"""What a line asks for, told by whoever knows the API's words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chat.models import BatchJob, BatchLine
from inference.types import PromptMessage

RUNGS = (256, 1024, 4096)
"""Characters of a prompt that lines are grouped by, coarse to fine."""


class LineRefused(Exception):  # noqa: N818  an answer, not a fault
    """A line that cannot be served: `code` is stable, `param` names the field of its body."""

    def __init__(self, code: str, message: str, *, param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


@dataclass(frozen=True, kw_only=True)
class LineAsk:
    """What one line asks of the engine: so many `choices` for each conversation."""

    model: str
    conversations: Sequence[Sequence[PromptMessage]]
    options: dict[str, Any]
    choices: int = 1


ReadBody = Callable[[str, dict[str, Any]], LineAsk]
"""(endpoint, body) -> ask. Raises `LineRefused`."""

WriteAnswer = Callable[[BatchJob, BatchLine], dict[str, Any]]
"""What the output or the error file says of a line that has ended."""


def prefix_key(messages: Sequence[PromptMessage]) -> str:
    """Sorts prompts that begin alike next to each other, without saying what they begin with."""
    text = "\x1e".join(f"{message.role}\x1f{message.content}" for message in messages)
    pieces = (text[:rung].encode("utf-8", "replace") for rung in RUNGS)
    return "".join(hashlib.blake2b(piece, digest_size=4).hexdigest() for piece in pieces)

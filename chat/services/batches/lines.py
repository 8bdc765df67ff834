"""What a line asks for, told by whoever knows the API's words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chat.models import BatchJob, BatchLine
from inference.types.errors import Reason
from inference.types.prompts import PromptMessage

BYTES_PER_TOKEN = 3
RUNGS = (256, 1024, 4096)
"""Characters of a prompt that lines are grouped by, coarse to fine."""


class LineRefused(Exception):  # noqa: N818  an answer, not a fault
    """A line that cannot be served: `code` is stable, `param` names the field of its body."""

    def __init__(self, code: str, message: str | Reason, *, param: str = "") -> None:
        super().__init__(str(message))
        self.code = code
        self.message = str(message)
        self.reason = message if isinstance(message, Reason) else None
        self.param = param


@dataclass(frozen=True, kw_only=True)
class LineAsk:
    """What one line asks of the engine: so many `choices` for each conversation, or vectors of `inputs`."""

    model: str
    conversations: Sequence[Sequence[PromptMessage]] = ()
    options: dict[str, Any]
    choices: int = 1
    inputs: Sequence[str | list[int]] = ()
    dimensions: int | None = None

    @property
    def prefix(self) -> str:
        """See `prefix_key`; vectors share nothing."""
        return prefix_key(self.conversations[0]) if self.conversations else ""

    @property
    def prompt_tokens(self) -> int:
        """About how many tokens it has to read."""
        said = [message.content for conversation in self.conversations for message in conversation]
        texts = [*said, *(each for each in self.inputs if isinstance(each, str))]
        ids = sum(len(each) for each in self.inputs if not isinstance(each, str))
        return 1 + ids + sum(len(text.encode()) for text in texts) // BYTES_PER_TOKEN


ReadBody = Callable[[str, dict[str, Any]], LineAsk]
"""(endpoint, body) -> ask. Raises `LineRefused`."""

WriteAnswer = Callable[[BatchJob, BatchLine], dict[str, Any]]
"""What the output or the error file says of a line that has ended."""


def prefix_key(messages: Sequence[PromptMessage]) -> str:
    """Sorts prompts that begin alike next to each other, without saying what they begin with."""
    text = "\x1e".join(f"{message.role}\x1f{message.content}" for message in messages)
    pieces = (text[:rung].encode("utf-8", "replace") for rung in RUNGS)
    return "".join(hashlib.blake2b(piece, digest_size=4).hexdigest() for piece in pieces)

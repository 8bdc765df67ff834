"""Conversations as ChatGPT exports them, in the words of our own files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

SPEAKERS = frozenset({"system", "user", "assistant"})


class Author(msgspec.Struct, frozen=True):
    """Who speaks."""

    role: str


class Content(msgspec.Struct, frozen=True):
    """Texts, and what is no text, which is left out."""

    parts: list[Any] = []

    @property
    def text(self) -> str:
        """All texts."""
        return "\n".join(part for part in self.parts if isinstance(part, str)).strip()


class Message(msgspec.Struct, frozen=True):
    """One message."""

    author: Author
    content: Content
    create_time: float | None = None
    metadata: dict[str, Any] = {}


class Node(msgspec.Struct, frozen=True):
    """A place in the tree; the first has no message."""

    message: Message | None = None
    parent: str | None = None
    children: list[str] = []


class Conversation(msgspec.Struct, frozen=True):
    """One conversation of `conversations.json`."""

    mapping: dict[str, Node]
    title: str | None = None
    create_time: float | None = None


def is_conversation(file: Any) -> bool:
    """Whether this looks like one."""
    return isinstance(file, dict) and "mapping" in file


def convert_conversation(file: Any) -> dict[str, Any]:
    """The same as a file of version 1. Tools, empty texts and pictures are left out; what follows them
    follows what they followed. Raises `msgspec.ValidationError`.
    """
    conversation = msgspec.convert(file, Conversation)
    messages: list[dict[str, Any]] = []
    roots = [id_ for id_, node in conversation.mapping.items() if node.parent not in conversation.mapping]
    # (place, the nearest message before it that is kept, its time)
    open_ends = [(id_, "", conversation.create_time) for id_ in reversed(roots)]
    seen: set[str] = set()
    while open_ends:
        id_, before, time = open_ends.pop()
        node = conversation.mapping.get(id_)
        if node is None or id_ in seen:
            continue
        seen.add(id_)
        if node.message is not None and _is_kept(node.message):
            time = node.message.create_time or time
            messages.append(_message(id_, before, time, node.message))
            before = id_
        open_ends += [(child, before, time) for child in reversed(node.children)]
    title = (conversation.title or "")[:200]
    return {"schema_version": 1, "session": {"title": title}, "messages": messages}


def _is_kept(message: Message) -> bool:
    return message.author.role in SPEAKERS and bool(message.content.text)


def _message(id_: str, before: str, time: float | None, message: Message) -> dict[str, Any]:
    model = message.metadata.get("model_slug")
    return {
        "id": id_,
        "parent_id": before or None,
        "role": message.author.role,
        "content": message.content.text,
        "llm_model": model[:100] if isinstance(model, str) and message.author.role == "assistant" else "",
        "created_at": datetime.fromtimestamp(time, UTC).isoformat() if time is not None else None,
    }

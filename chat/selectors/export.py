"""A whole session as a file."""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils import timezone

from chat.models import ChatSession
from chat.realtime.protocol.views import MessageView
from chat.selectors.export_pdf import render_pdf
from chat.selectors.messages import iso_time, message_rows, message_views

SCHEMA_VERSION = 1
SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def export_json(session: ChatSession) -> bytes:
    """Everything, in the schema that import reads."""
    fields = ("title", "llm_provider", "llm_model", "system_prompt", "chat_template", "settings", "tags")
    own: dict[str, Any] = {name: getattr(session, name) for name in (*fields, "metadata")}
    file = {
        "schema_version": SCHEMA_VERSION,
        "exported_at": iso_time(timezone.now()),
        "session": own | {"id": str(session.id), "created_at": iso_time(session.created_at)},
        "messages": _views(session),
    }
    return msgspec.json.format(msgspec.json.encode(file), indent=2)


def export_markdown(session: ChatSession) -> bytes:
    """A heading per message."""
    parts = [f"# {session.title or 'Chat'}", f"*{iso_time(session.created_at)}*"]
    for view in _views(session):
        parts += [f"## {_speaker(view)}", view.content]
    return ("\n\n".join(parts) + "\n").encode()


def export_text(session: ChatSession) -> bytes:
    """A line with the speaker and the time before each message."""
    parts = [session.title or "Chat"]
    parts += [f"[{view.created_at}] {_speaker(view)}:\n{view.content}" for view in _views(session)]
    return ("\n\n".join(parts) + "\n").encode()


def export_pdf(session: ChatSession) -> bytes:
    """A4 pages with what `export_text` has."""
    return render_pdf(
        title=session.title or "Chat",
        subtitle=iso_time(session.created_at),
        messages=[(_speaker(view), view) for view in _views(session)],
    )


EXPORTS = {
    "pdf": (export_pdf, "application/pdf"),
    "json": (export_json, "application/json"),
    "md": (export_markdown, "text/markdown; charset=utf-8"),
    "txt": (export_text, "text/plain; charset=utf-8"),
}


def _views(session: ChatSession) -> list[MessageView]:
    rows = message_rows().filter(session=session).order_by("created_at", "id")
    return message_views(rows)


def _speaker(view: MessageView) -> str:
    if view.role == "user" and view.author_name:
        return view.author_name
    return f"{SPEAKERS[view.role]} ({view.llm_model})" if view.llm_model else SPEAKERS[view.role]

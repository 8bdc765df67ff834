"""What programs asked for."""

from __future__ import annotations

from uuid import UUID

from chat.models import Generation


def program_turn(first: Generation) -> list[Generation]:
    """The generations of one request, choice by choice; `first` is any of them."""
    rows = (
        Generation.objects.filter(session=first.session_id)
        .select_related("message", "session")
        .defer("prompt_ids")
        .order_by("choice")
    )
    turn = first.message.metadata["turn"]
    return [row for row in rows if row.message.metadata.get("turn") == turn]


def find_program_turn(*, user_id: UUID, generation_id: UUID, kind: str) -> list[Generation]:
    """The stored turn with this generation, if the user's program asked for that kind; else nothing."""
    made = Generation.objects.select_related("message").filter(user_id=user_id, is_stored=True)
    first = made.filter(id=generation_id).first()
    if first is None or first.message.metadata.get("kind") != kind:
        return []
    return program_turn(first)

"""What a shared link shows."""

from __future__ import annotations

import msgspec

from chat.models import ChatMessage, MessageStatus, Role, SharedLink
from chat.realtime.protocol.views import MessageMetrics, MessageView
from chat.selectors.messages import message_rows, message_view
from chat.selectors.threads import in_thread


def find_link(token: str) -> SharedLink | None:
    """The link with this token, and its session."""
    return (
        SharedLink.objects.select_related("session").filter(token=token, created_by__is_active=True).first()
    )


def shared_messages(link: SharedLink) -> list[MessageView]:
    """What people and models had said when the link was made, along the line that ended last."""
    rows = message_rows().filter(session_id=link.session_id, created_at__lte=link.until)
    last = rows.order_by("-created_at", "-id").first()
    if last is None:
        return []
    said = rows.filter(role__in=[Role.USER, Role.ASSISTANT]).exclude(status=MessageStatus.STREAMING)
    return [_plain_view(row) for row in in_thread(said, last.id).order_by("created_at", "id")]


def _plain_view(row: ChatMessage) -> MessageView:
    """Without what the reply cost, whose machine wrote it, and the names of those who reacted to it."""
    return msgspec.structs.replace(message_view(row, {}), metrics=MessageMetrics())

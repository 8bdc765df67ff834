"""The tree that a session's messages are: each follows its parent, and several may follow the same one."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, Sum
from django.db.models.expressions import RawSQL

from chat.models import ChatMessage
from chat.sealed import text_size
from chat.selectors.prepared import Param

# UNION, not UNION ALL: even a circle would end.
UPWARDS = """
WITH RECURSIVE thread(id, parent_id) AS (
  SELECT id, parent_id FROM chat_chatmessage WHERE id = %s
  UNION
  SELECT m.id, m.parent_id FROM chat_chatmessage m JOIN thread ON m.id = thread.parent_id
) SELECT id FROM thread
"""


def count_thread_characters(leaf_id: UUID) -> int:
    """How much is said from the first message to this one."""
    said = in_thread(ChatMessage.objects.order_by(), leaf_id).aggregate(characters=Sum(text_size("content")))
    return said["characters"] or 0


def in_thread(rows: QuerySet[ChatMessage], leaf_id: UUID | Param) -> QuerySet[ChatMessage]:
    """Those of the messages that lead from the first one to this one, which is the last."""
    is_text = connection.vendor == "sqlite"
    identity = leaf_id.hex if is_text and isinstance(leaf_id, UUID) else leaf_id
    return rows.filter(id__in=RawSQL(UPWARDS, [identity]))  # noqa: S611  a constant and an id

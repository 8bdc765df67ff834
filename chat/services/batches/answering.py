"""Where answers go besides the output file: into a conversation, or to whoever of the server asked."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from chat.models import BatchLine, ChatMessage, ChatSession, LineStatus, MessageStatus, Role
from chat.services.access import lock_writable
from chat.services.batches.background import hand_over
from chat.services.errors import Forbidden, NotFound
from chat.services.moderation.screening import note_answer
from chat.services.telling import message_update, tell_session

logger = logging.getLogger(__name__)


def deliver_answer(line: BatchLine) -> None:
    """Take a line that ended to where it belongs. What goes wrong there does not undo the end, unless it is
    the database's fault: then the end is told again.
    """
    is_message = line.session_id is not None and line.status == LineStatus.SUCCEEDED
    if not (is_message or line.job.purpose):
        return
    try:
        with transaction.atomic():
            if line.job.purpose:
                hand_over(line)
            elif line.session_id is not None:
                _write_message(line, line.session_id, line.choices[0]["text"] if line.choices else "")
    except OperationalError:
        raise
    except Exception:
        logger.exception("the answer of %s could not be delivered", line)


def _write_message(line: BatchLine, session_id: UUID, text: str) -> None:
    """Not into a session that was deleted meanwhile, or where the job's owner may not write any more."""
    if not text:
        return
    try:
        session = lock_writable(user=line.job.user, session_id=session_id)
    except (NotFound, Forbidden):
        return
    latest = session.messages.order_by("-created_at", "-id").first()
    message = ChatMessage.objects.create(
        session=session,
        parent=latest,
        author=line.job.user,
        role=Role.ASSISTANT,
        status=MessageStatus.COMPLETE,
        content=text,
        request_id=f"batch:{line.id}",
        llm_provider=session.llm_provider,
        llm_model=line.job.model,
        finish_reason=line.choices[0].get("finish_reason", ""),
        tokens_used=line.completion_tokens,
        metadata={"batch_id": str(line.job_id), "custom_id": line.custom_id},
    )
    note_answer(message=message, user_id=line.job.user_id)
    ChatSession.objects.filter(id=session.id).update(
        message_count=F("message_count") + 1,
        token_usage=F("token_usage") + line.prompt_tokens + line.completion_tokens,
        updated_at=timezone.now(),
    )
    tell_session(session.id, [message_update(message, "new_message")])

"""Deleting what was kept long enough, a few hundred rows at a time, and leaving no copy in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from chat.models import ACTIVE, Attachment, ChatMessage, ChatSession, Generation, MessageStatus
from chat.services.attachments import forget_attachments
from chat.services.audit import record
from chat.services.holds import HELD_MESSAGE, HELD_SESSION

BATCH = 200


@dataclass(kw_only=True)
class Disposal:
    """What was deleted, or would be; `held` are messages that are old enough and under a legal hold."""

    messages: int = 0
    sessions: int = 0
    files: int = 0
    held: int = 0


def plan_disposal() -> Disposal:
    """What `dispose` would delete now; it changes nothing."""
    plan = Disposal()
    for days, sessions in _rules():
        old = _old_messages(days, sessions)
        free = old.exclude(HELD_MESSAGE)
        plan.messages += free.count()
        plan.held += old.filter(HELD_MESSAGE).count()
        plan.files += Attachment.objects.filter(message__in=free).count()
        left = Count("messages", filter=~Q(messages__created_at__lt=_cutoff(days)))
        idle = _idle(days, sessions).exclude(HELD_SESSION)
        idle = idle.exclude(id__in=old.filter(HELD_MESSAGE).values("session_id"))
        plan.sessions += idle.annotate(left=left).filter(left=0).count()
    return plan


def dispose() -> Disposal:
    """Delete what is old enough and not held; each batch is a transaction of its own."""
    done = Disposal()
    for days, sessions in _rules():
        done.held += _old_messages(days, sessions).filter(HELD_MESSAGE).count()
        while _dispose_messages(_old_messages(days, sessions).exclude(HELD_MESSAGE), done):
            pass
        while _dispose_sessions(_idle(days, sessions).exclude(HELD_SESSION), done):
            pass
    if done.messages or done.sessions:
        record(actor=None, action="retention.disposed", details=asdict(done))
        wipe()
    return done


def wipe() -> None:
    """Leave nothing of deleted rows where it could be read: see `docs/operations.md`."""
    if connection.in_atomic_block:  # there they are not deleted yet
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # rows were zeroed as they went; the index and the log keep copies
            cursor.execute("INSERT INTO chat_message_search (chat_message_search) VALUES ('optimize')")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("VACUUM chat_chatmessage, chat_generation, chat_generationchunk, chat_attachment")


def _rules() -> Iterator[tuple[int, Q]]:
    """Days, and the sessions they are for: a session's own days go before everybody's."""
    own = ChatSession.objects.filter(retention_days__isnull=False).order_by("retention_days")
    for days in own.values_list("retention_days", flat=True).distinct():
        yield days or 0, Q(retention_days=days)
    if settings.RETENTION_DAYS:
        yield settings.RETENTION_DAYS, Q(retention_days__isnull=True)


def _cutoff(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def _old_messages(days: int, sessions: Q) -> QuerySet[ChatMessage]:
    """Nothing that a reply is being written to, or is itself being written."""
    busy = Generation.objects.filter(status__in=ACTIVE).values("session_id")
    old = ChatMessage.objects.filter(
        created_at__lt=_cutoff(days), session__in=ChatSession.objects.filter(sessions)
    )
    return old.exclude(status=MessageStatus.STREAMING).exclude(session__in=busy)


def _idle(days: int, sessions: Q) -> QuerySet[ChatSession]:
    return ChatSession.objects.filter(sessions, updated_at__lt=_cutoff(days))


def _dispose_messages(old: QuerySet[ChatMessage], done: Disposal) -> int:
    with transaction.atomic():
        rows = list(old.order_by("created_at").values_list("id", "session_id")[:BATCH])
        ids = [message_id for message_id, _ in rows]
        done.files += Attachment.objects.filter(message__in=ids).count()
        forget_attachments(message__in=ids)
        ChatMessage.objects.filter(id__in=ids).delete()
        touched = ChatSession.objects.filter(id__in={session_id for _, session_id in rows})
        for session in touched.annotate(left=Count("messages")):
            ChatSession.objects.filter(id=session.id).update(message_count=session.left)
    done.messages += len(ids)
    return len(ids)


def _dispose_sessions(idle: QuerySet[ChatSession], done: Disposal) -> int:
    """Those in which nothing is left."""
    with transaction.atomic():
        ids = list(idle.filter(messages=None).values_list("id", flat=True)[:BATCH])
        done.files += Attachment.objects.filter(session__in=ids).count()
        forget_attachments(session__in=ids)
        ChatSession.objects.filter(id__in=ids).delete()
    done.sessions += len(ids)
    return len(ids)

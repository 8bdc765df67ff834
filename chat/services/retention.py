"""Deleting what was kept long enough, a few hundred rows at a time, and leaving no copy in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from chat.models import (
    ACTIVE,
    Appeal,
    AppealStatus,
    Attachment,
    Case,
    CaseStatus,
    ChatMessage,
    ChatSession,
    Generation,
    LegalHold,
    MessageStatus,
    Report,
)
from chat.sealed import sealed_columns
from chat.services.attachments import forget_attachments
from chat.services.audit import record
from chat.services.holds import HELD_CASE, HELD_MESSAGE, HELD_SESSION

BATCH = 200
MERGED_PAGES = 500
EVERYBODY = Q(retention_days__isnull=True)
"""The sessions without days of their own."""


@dataclass(kw_only=True)
class Disposal:
    """What was deleted, or would be; `held` are messages that are old enough and under a legal hold.

    Of `cases` the words went: what the message said, and those of reports and of the appeal.
    """

    messages: int = 0
    sessions: int = 0
    files: int = 0
    cases: int = 0
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
        plan.cases += _old_cases(days, sessions).count()
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
        while _dispose_words(_old_cases(days, sessions), done):
            pass
        while _dispose_messages(_old_messages(days, sessions).exclude(HELD_MESSAGE), done):
            pass
        while _dispose_sessions(_idle(days, sessions).exclude(HELD_SESSION), done):
            pass
    if done.messages or done.sessions or done.cases:
        record(actor=None, action="retention.disposed", details=asdict(done))
    wipe()
    return done


def wipe() -> None:
    """Leave nothing of deleted rows, whoever deleted them, to be read: see `docs/operations.md`."""
    if connection.in_atomic_block:  # there they are not deleted yet
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # rows were zeroed as they went; the index and the log keep copies
            _merge_search_index(cursor)
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            tables = (model._meta.db_table for model in sealed_columns())
            cursor.execute(f"VACUUM {', '.join(tables)}")


def _merge_search_index(cursor: CursorWrapper) -> None:
    """FTS5's `optimize` in pieces, so that others write in between.

    A negative number of pages begins it: https://sqlite.org/fts5.html#the_merge_command
    """
    merge = "INSERT INTO chat_message_search (chat_message_search, rank) VALUES ('merge', %s)"
    for pages in chain([-MERGED_PAGES], repeat(MERGED_PAGES)):
        before = connection.connection.total_changes
        cursor.execute(merge, [pages])
        if connection.connection.total_changes - before < 2:  # nothing was left to do
            return


def _rules() -> Iterator[tuple[int, Q]]:
    """Days, and the sessions they are for: a session's own days go before everybody's."""
    own = ChatSession.objects.filter(retention_days__isnull=False).order_by("retention_days")
    for days in own.values_list("retention_days", flat=True).distinct():
        yield days or 0, Q(retention_days=days)
    if settings.RETENTION_DAYS:
        yield settings.RETENTION_DAYS, EVERYBODY


def _cutoff(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def _old_messages(days: int, sessions: Q) -> QuerySet[ChatMessage]:
    """Nothing that a reply is being written to, or is itself being written."""
    busy = Generation.objects.filter(status__in=ACTIVE).values("session_id")
    old = ChatMessage.objects.filter(
        created_at__lt=_cutoff(days), session__in=ChatSession.objects.filter(sessions)
    )
    return old.exclude(status=MessageStatus.STREAMING).exclude(session__in=busy)


def _old_cases(days: int, sessions: Q) -> QuerySet[Case]:
    """Closed ones that still have words, neither held nor appealed without an answer.

    Those whose session is gone go by everybody's days.
    """
    ours = Q(session__in=ChatSession.objects.filter(sessions))
    if sessions == EVERYBODY:
        ours |= Q(session=None)
    reports = Report.objects.filter(case=OuterRef("pk")).exclude(words="")
    appeals = Appeal.objects.filter(case=OuterRef("pk"))
    worded = ~Q(evidence="") | Exists(reports) | Exists(appeals.exclude(words=""))
    reporters = LegalHold.objects.filter(user__reports__case=OuterRef("pk"))
    closed = Case.objects.filter(ours, worded, status=CaseStatus.DECIDED, decided_at__lt=_cutoff(days))
    young = Q(status=AppealStatus.OPEN) | Q(decided_at__gte=_cutoff(days))
    return closed.exclude(HELD_CASE | Exists(reporters) | Exists(appeals.filter(young)))


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


def _dispose_words(old: QuerySet[Case], done: Disposal) -> int:
    """Of closed cases; what was decided, by whom and why stays."""
    with transaction.atomic():
        ids = list(old.order_by("decided_at").values_list("id", flat=True)[:BATCH])
        Case.objects.filter(id__in=ids).update(evidence="")
        Report.objects.filter(case__in=ids).update(words="")
        Appeal.objects.filter(case__in=ids).exclude(status=AppealStatus.OPEN).update(words="")
    done.cases += len(ids)
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

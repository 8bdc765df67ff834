"""Readers who say that something is wrong with a message."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import override

from chat.models import (
    CaseEventKind,
    CaseSource,
    ChatMessage,
    MessageStatus,
    Report,
    ReportKind,
    Severity,
    User,
)
from chat.services.access import find_readable
from chat.services.errors import InvalidRequest, ReplyInProgress
from chat.services.moderation.opening import accuracy_of, note, open_case, weigh
from chat.services.text import require_storable

MOST_WORDS = 2000
SEVERITIES = {
    ReportKind.SPAM: Severity.LOW,
    ReportKind.OTHER: Severity.LOW,
    ReportKind.HARASSMENT: Severity.MEDIUM,
    ReportKind.PERSONAL_DATA: Severity.MEDIUM,
    ReportKind.HATE: Severity.HIGH,
    ReportKind.SEXUAL: Severity.HIGH,
    ReportKind.VIOLENCE: Severity.HIGH,
    ReportKind.SELF_HARM: Severity.CRITICAL,
    ReportKind.ILLEGAL: Severity.CRITICAL,
}


def report_message(*, user: User, message_id: UUID, kind: ReportKind, words: str = "") -> Report:
    """Tell moderators of a message that the user may read. Reports of one message make one open case.

    The same reader's second report of a message is the first one again.
    """
    if len(words) > MOST_WORDS:
        raise InvalidRequest(
            "%(field)s must be at most %(most)s characters.",
            field="words",
            values={"field": "words", "most": MOST_WORDS},
        )
    require_storable(words, field="words", error=InvalidRequest)
    with transaction.atomic():
        message = find_readable(user=user, message_id=message_id)
        ChatMessage.objects.select_for_update().get(id=message_id)  # reports of one message take turns
        earlier = Report.objects.filter(message=message, reporter=user).first()
        if earlier is not None:
            return earlier
        if message.status == MessageStatus.STREAMING:
            raise ReplyInProgress("The reply is still being written: report it once it has ended.")
        if message.is_hidden:
            raise InvalidRequest("A moderator has hidden this message already.", field="message_id")
        case = open_case(
            message=message,
            source=CaseSource.REPORT,
            severity=SEVERITIES[kind],
            actor=user,
            summary=_in_english(kind),
        )
        report = Report.objects.create(
            case=case, message=message, reporter=user, kind=kind, words=words, weight=accuracy_of(user)
        )
        note(case, CaseEventKind.REPORTED, actor=user, report=str(report.id), because=kind)
        weigh(case)
    return report


def _in_english(kind: ReportKind) -> str:
    """As the catalogues know it: each reader's page translates it."""
    with override("en"):
        return str(kind.label)

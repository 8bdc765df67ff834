"""What people are told of decisions."""

from __future__ import annotations

from datetime import datetime
from string import Template
from uuid import UUID

from django.utils import timezone

from chat.models import Case, Decision, Notice, NoticeTemplate, Report, User
from chat.services.errors import InvalidRequest, NotFound
from chat.services.text import require_storable

AGAINST = frozenset(Decision) - {Decision.DISMISS}
"""Decisions that the person concerned is told of, and may appeal."""

MOST_WORDS = 4000
WORDS = {
    Decision.HIDE: ("A message of yours was hidden", "A moderator has hidden a message of yours."),
    Decision.DELETE: ("A message of yours was deleted", "A moderator has deleted a message of yours."),
    Decision.WARN: ("A warning", "A moderator warns you because of a message of yours."),
    Decision.STRIKE: ("A strike", "You have got a strike because of a message of yours."),
    Decision.SUSPEND: ("Your account is suspended", "Your account is suspended until $until."),
    Decision.BAN: ("Your account is closed", "Your account is closed because of a message of yours."),
}
REASON = "\n\nThe reason: $reason"
ANSWERED = (
    "Your report was looked at",
    "Thank you. A moderator has looked at the message that you reported and $decision.",
)
OVERTURNED = ("Your appeal was granted", "A second moderator has taken the decision back.")
STANDS = ("Your appeal was refused", "A second moderator has looked at the decision: it stands.")


def notice_words(
    *, decision: Decision, template: NoticeTemplate | None, reason: str, until: datetime | None
) -> tuple[str, str]:
    """Title and body of the notice of a decision: of this template, else of the default one, else our own."""
    chosen = template or NoticeTemplate.objects.filter(decision=decision, is_default=True).first()
    title, body = (chosen.title, chosen.body) if chosen else WORDS[decision]
    if chosen is None and reason:
        body += REASON
    values = {
        "reason": reason,
        "decision": decision.label,
        "until": f"{until:%Y-%m-%d %H:%M} UTC" if until else "further notice",
    }
    return Template(title).safe_substitute(values)[:200], Template(body).safe_substitute(values)


def notify_subject(case: Case, *, template: NoticeTemplate | None, until: datetime | None) -> None:
    """Tell whom a case is about what was decided, unless nothing was."""
    decision = Decision(case.decision)
    if case.subject_id is None or decision not in AGAINST:
        return
    title, body = notice_words(decision=decision, template=template, reason=case.reason, until=until)
    Notice.objects.create(user_id=case.subject_id, case=case, title=title, body=body, is_appealable=True)


def notify_reporters(case: Case) -> None:
    """Tell everybody who reported it that it was looked at, and not more than that."""
    did = "found nothing against the rules" if case.decision == Decision.DISMISS else "has acted on it"
    title, body = ANSWERED
    reporters = Report.objects.filter(case=case, reporter__isnull=False).values_list("reporter_id", flat=True)
    Notice.objects.bulk_create(
        Notice(user_id=user_id, title=title, body=Template(body).substitute(decision=did))
        for user_id in reporters
    )


def notify_appellant(case: Case, *, words: tuple[str, str], reason: str) -> None:
    """Tell whom a case is about what became of the appeal."""
    if case.subject_id is not None:
        title, body = words
        body += Template(REASON).substitute(reason=reason) if reason else ""
        Notice.objects.create(user_id=case.subject_id, case=case, title=title, body=body)


def read_notice(*, user: User, notice_id: UUID) -> Notice:
    """Note that a person has read one of their notices. Raises `NotFound`."""
    row = Notice.objects.select_related("case__appeal").filter(id=notice_id, user=user).first()
    if row is None:
        raise NotFound("There is no such notice.")
    if row.read_at is None:
        row.read_at = timezone.now()
        row.save(update_fields=["read_at"])
    return row


def check_words(text: str, *, field: str) -> str:
    """What a moderator or an appellant writes, stripped. Raises `InvalidRequest`."""
    require_storable(text, field=field, error=InvalidRequest)
    if len(text) > MOST_WORDS:
        raise InvalidRequest(f"{field} must be at most {MOST_WORDS} characters.", field=field)
    return text.strip()

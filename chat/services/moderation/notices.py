"""What people are told of decisions."""

from __future__ import annotations

from datetime import datetime
from string import Template
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from chat.models import Case, ChatSession, Decision, Notice, NoticeTemplate, User
from chat.services.errors import InvalidRequest, NotFound
from chat.services.text import require_storable

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Words = tuple[_StrPromise, _StrPromise]

AGAINST = frozenset(Decision) - {Decision.DISMISS}
"""Decisions that the person concerned is told of, and may appeal."""

MOST_WORDS = 4000
WORDS = {
    Decision.HIDE: (_("A message of yours was hidden"), _("A moderator has hidden a message of yours.")),
    Decision.DELETE: (_("A message of yours was deleted"), _("A moderator has deleted a message of yours.")),
    Decision.WARN: (_("A warning"), _("A moderator warns you because of a message of yours.")),
    Decision.STRIKE: (_("A strike"), _("You have got a strike because of a message of yours.")),
    Decision.SUSPEND: (_("Your account is suspended"), _("Your account is suspended until $until.")),
    Decision.BAN: (_("Your account is closed"), _("Your account is closed.")),
}
REASON = _("The reason: $reason")
LOOKED_AT = _("Your report was looked at")
NOTHING_FOUND = _(
    "Thank you. A moderator has looked at the message that you reported and found nothing against the rules."
)
ACTED = _("Thank you. A moderator has looked at the message that you reported and has acted on it.")
OVERTURNED = (_("Your appeal was granted"), _("A second moderator has taken the decision back."))
READ = (
    _("A moderator has read a conversation of yours"),
    _("For a reason that was written down, a moderator has opened the conversation “%(title)s”."),
)
STANDS = (_("Your appeal was refused"), _("A second moderator has looked at the decision: it stands."))


def notice_words(
    *, decision: Decision, template: NoticeTemplate | None, reason: str, until: datetime | None
) -> tuple[str, str]:
    """Title and body of the notice of a decision: of this template, else of the default one, else our own."""
    chosen = template or NoticeTemplate.objects.filter(decision=decision, is_default=True).first()
    title, body = (chosen.title, chosen.body) if chosen else map(str, WORDS[decision])
    if chosen is None and reason:
        body += f"\n\n{REASON}"
    values = {
        "reason": reason,
        "decision": decision.label,
        "until": f"{until:%Y-%m-%d %H:%M} UTC" if until else gettext("further notice"),
    }
    return Template(title).safe_substitute(values)[:200], Template(body).safe_substitute(values)


def notify_subject(case: Case, *, template: NoticeTemplate | None, until: datetime | None) -> None:
    """Tell whom a case is about what was decided, in their language, unless nothing was."""
    decision = Decision(case.decision)
    if case.subject is None or decision not in AGAINST:
        return
    with override(case.subject.own_language):
        title, body = notice_words(decision=decision, template=template, reason=case.reason, until=until)
    Notice.objects.create(user=case.subject, case=case, title=title, body=body, is_appealable=True)


def notify_reporters(case: Case) -> None:
    """Tell everybody who reported it that it was looked at, and not more than that."""
    words = NOTHING_FOUND if case.decision == Decision.DISMISS else ACTED
    reporters = User.objects.filter(reports__case=case)
    Notice.objects.bulk_create([_told(user, (LOOKED_AT, words)) for user in reporters])


def notify_appellant(case: Case, *, words: Words, reason: str) -> None:
    """Tell whom a case is about what became of the appeal."""
    if case.subject is not None:
        notice = _told(case.subject, words, reason=reason)
        notice.case = case
        notice.save()


def notify_readers(session: ChatSession, *, actor: User) -> None:
    """Tell the people of a conversation that a moderator has opened it."""
    people = User.objects.filter(participations__session=session).exclude(id=actor.id)
    Notice.objects.bulk_create([_tell_of_reading(user, session) for user in people])


def _tell_of_reading(user: User, session: ChatSession) -> Notice:
    notice = _told(user, READ)
    with override(user.own_language):
        notice.body %= {"title": session.title or gettext("Untitled chat")}
    return notice


def _told(user: User, words: Words, *, reason: str = "") -> Notice:
    with override(user.own_language):
        title, body = map(str, words)
        because = Template(str(REASON)).substitute(reason=reason)
    return Notice(user=user, title=title, body=f"{body}\n\n{because}" if reason else body)


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
        raise InvalidRequest(
            "%(field)s must be at most %(most)s characters.",
            field=field,
            values={"field": field, "most": MOST_WORDS},
        )
    return text.strip()

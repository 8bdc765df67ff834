"""Appeals: the person concerned asks once, and a second moderator judges the decision."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from chat.models import Appeal, AppealStatus, Case, CaseEventKind, Notice, ReportOutcome, User
from chat.selectors.moderation import suspension_notice
from chat.services import audit
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.moderation.notices import OVERTURNED, STANDS, check_words, notify_appellant
from chat.services.moderation.opening import note
from chat.services.moderation.rights import DECIDE, require_right
from chat.services.moderation.sanctions import revoke_decision

APPEALABLE = timedelta(days=180)
SIGNED_FOR = "chat.appeal"
LINK_LASTS = timedelta(hours=1)


def appeal_token(user: User) -> str:
    """For somebody who has proved who they are and is kept out: a right to appeal that decision.

    Good for an hour; empty where no decision of a case keeps them out.
    """
    notice = suspension_notice(user)
    return signing.dumps(str(notice.id), salt=SIGNED_FOR) if notice is not None else ""


def find_by_token(token: str) -> Notice:
    """The notice of a token. Raises `NotFound`."""
    try:
        notice_id = signing.loads(token, salt=SIGNED_FOR, max_age=LINK_LASTS)
    except signing.BadSignature as error:
        raise NotFound("This link is not good any more.") from error
    notice = Notice.objects.select_related("user", "case__appeal").filter(id=notice_id).first()
    if notice is None:
        raise NotFound("There is no such notice.")
    return notice


def appeal_decision(*, user: User, notice_id: UUID, words: str) -> Appeal:
    """Ask for a second moderator, for the reasons in `words`; the person concerned may, once."""
    notice = Notice.objects.select_related("case").filter(id=notice_id, user=user).first()
    if notice is None:
        raise NotFound("There is no such notice.")
    case = notice.case
    if case is None or not notice.is_appealable or case.subject_id != user.id:
        raise InvalidRequest("This notice tells of nothing that you could appeal.", field="notice_id")
    if notice.created_at < timezone.now() - APPEALABLE:
        raise InvalidRequest(
            "The time to appeal, %(days)s days, is over.", field="notice_id", values={"days": APPEALABLE.days}
        )
    words = check_words(words, field="words")
    if not words:
        raise InvalidRequest("words is empty: say why the decision is wrong.", field="words")
    try:
        with transaction.atomic():
            appeal = Appeal.objects.create(
                case=case, appellant=user, words=words, first_decided_by_id=case.decided_by_id
            )
            Case.objects.filter(id=case.id).update(version=F("version") + 1)
            note(case, CaseEventKind.APPEALED, actor=user)
    except IntegrityError as error:
        raise Conflict("You have appealed this decision already.", field="notice_id") from error
    return appeal


def decide_appeal(*, actor: User, appeal_id: UUID, version: int, overturn: bool, reason: str = "") -> Appeal:
    """Judge an appeal as it was at `version`. Raises `Forbidden` for whoever took the decision or appeals."""
    require_right(actor, DECIDE)
    reason = check_words(reason, field="reason")
    now = timezone.now()
    status = AppealStatus.OVERTURNED if overturn else AppealStatus.UPHELD
    with transaction.atomic():
        appeal = _find(appeal_id)
        if actor.id in (appeal.first_decided_by_id, appeal.appellant_id):
            raise Forbidden("Another moderator has to judge your own appeal, or one against your decision.")
        won = Appeal.objects.filter(id=appeal_id, version=version, status=AppealStatus.OPEN).update(
            status=status, decided_by=actor, decided_at=now, reason=reason, version=F("version") + 1
        )
        appeal = _find(appeal_id)
        if not won:
            raise _changed(appeal)
        case = appeal.case
        if overturn:
            revoke_decision(case, actor=actor)
            case.reports.update(outcome=ReportOutcome.REJECTED)
        Case.objects.filter(id=case.id).update(version=F("version") + 1)
        notify_appellant(case, words=OVERTURNED if overturn else STANDS, reason=reason)
        told = {"outcome": status.value, "reason": reason}
        note(case, CaseEventKind.APPEAL_DECIDED, actor=actor, **told)
        audit.record(actor=actor, action="appeal.decided", subject=appeal, details=told)
    return appeal


def _find(appeal_id: UUID) -> Appeal:
    found = Appeal.objects.select_related("case__subject", "decided_by").filter(id=appeal_id).first()
    if found is None:
        raise NotFound("There is no such appeal.")
    return found


def _changed(appeal: Appeal) -> Conflict:
    if appeal.decided_by is not None:
        return Conflict(
            "%(who)s has decided this appeal already.",
            code="appeal_decided",
            values={"who": appeal.decided_by.username},
        )
    return Conflict("This appeal has changed meanwhile: look at it again.", code="appeal_changed")

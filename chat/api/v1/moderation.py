"""Reports, and what people are told of moderators' decisions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import Moment, example
from chat.api.v1.schemas import PageSize, Strict, Time
from chat.models import AppealStatus, Notice, ReportKind
from chat.selectors.moderation import PAGE_SIZE, count_unread_notices, list_notices
from chat.services.moderation.appeals import appeal_decision
from chat.services.moderation.notices import MOST_WORDS, read_notice
from chat.services.moderation.reports import MOST_WORDS as MOST_REPORT_WORDS
from chat.services.moderation.reports import report_message

router = Router(tags=["moderation"], auth=LOGGED_IN)


class ReportIn(Strict):
    """What is wrong with a message."""

    model_config = example(kind="spam", words="The same advertisement again.")

    kind: Annotated[ReportKind, Field(strict=False)]
    words: Annotated[str, Field(max_length=MOST_REPORT_WORDS)] = ""


class ReportOut(Schema):
    """A report."""

    id: UUID
    message_id: UUID
    kind: ReportKind
    words: str
    created_at: Time


class AppealIn(Strict):
    """Why a decision is wrong."""

    model_config = example(words="I quoted somebody else.")

    words: Annotated[str, Field(min_length=1, max_length=MOST_WORDS)]


class AppealOut(Schema):
    """An appeal."""

    id: UUID
    status: AppealStatus
    created_at: Time


class NoticeOut(Schema):
    """What one is told of a decision. `appeal` is one's own against it, if there is one."""

    id: UUID
    title: str
    body: str
    decision: str | None
    message_id: UUID | None
    session_id: UUID | None
    is_appealable: bool
    appeal: AppealOut | None
    created_at: Time
    read_at: Time | None

    @staticmethod
    def of(row: Notice) -> NoticeOut:
        """From a row with its case and appeal."""
        case = row.case
        appeal = getattr(case, "appeal", None)
        is_own = case is not None and case.subject_id == row.user_id
        return NoticeOut(
            id=row.id,
            title=row.title,
            body=row.body,
            decision=case.decision if is_own and case else None,
            message_id=case.message_id if case else None,
            session_id=case.session_id if case else None,
            is_appealable=row.is_appealable and appeal is None,
            appeal=AppealOut.from_orm(appeal) if appeal is not None and is_own else None,
            created_at=row.created_at,
            read_at=row.read_at,
        )


class NoticeList(Schema):
    """The newest first."""

    notices: list[NoticeOut]
    unread_count: int
    has_more: bool


class NoticeFilters(Schema):
    """Which: those before a moment."""

    page_size: PageSize = PAGE_SIZE
    before: Moment | None = None


@router.post("messages/{uuid:message_id}/report", response={201: ReportOut}, summary="Report a message")
def post_report(request: HttpRequest, message_id: UUID, body: ReportIn) -> Any:
    """Moderators look at it. Once per message: again is the first report again."""
    report = report_message(user=user_of(request), message_id=message_id, kind=body.kind, words=body.words)
    return Status(201, report)


@router.get("notices", response=NoticeList, summary="What moderators have told me")
def get_notices(request: HttpRequest, filters: Query[NoticeFilters]) -> Any:
    """One's own notices; `unread_count` counts all."""
    user = user_of(request)
    rows = list_notices(user, limit=filters.page_size + 1, before=filters.before)
    return NoticeList(
        notices=[NoticeOut.of(row) for row in rows[: filters.page_size]],
        unread_count=count_unread_notices(user),
        has_more=len(rows) > filters.page_size,
    )


@router.post("notices/{uuid:notice_id}/read", response=NoticeOut, summary="I have read a notice")
def post_read(request: HttpRequest, notice_id: UUID) -> Any:
    """Again changes nothing."""
    return NoticeOut.of(read_notice(user=user_of(request), notice_id=notice_id))


@router.post("notices/{uuid:notice_id}/appeal", response={201: AppealOut}, summary="Appeal a decision")
def post_appeal(request: HttpRequest, notice_id: UUID, body: AppealIn) -> Any:
    """A second moderator judges it; once per decision."""
    return Status(201, appeal_decision(user=user_of(request), notice_id=notice_id, words=body.words))

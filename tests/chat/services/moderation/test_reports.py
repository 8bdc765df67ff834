from __future__ import annotations

import threading

import pytest
from django.db import connection

from chat.models import (
    Case,
    CaseEvent,
    CaseSource,
    CaseStatus,
    ChatMessage,
    ChatSession,
    MessageStatus,
    Report,
    ReportKind,
    ReportOutcome,
    Role,
    Severity,
    User,
)
from chat.services.errors import InvalidRequest, NotFound, ReplyInProgress
from chat.services.moderation.opening import accuracy_of
from chat.services.moderation.reports import MOST_WORDS, report_message
from tests.chat.services.moderation.conftest import add_reader
from tests.support.factories import make_case, make_message, make_session, make_user

pytestmark = pytest.mark.django_db


def test_a_report_opens_a_case(message: ChatMessage, reader: User) -> None:
    report = report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM, words="Again.")
    case = Case.objects.get()
    assert (report.case, report.reporter, report.kind, report.words) == (case, reader, "spam", "Again.")
    assert (case.message, case.session, case.subject) == (message, message.session, message.author)
    assert (case.status, case.source, case.severity) == (CaseStatus.OPEN, CaseSource.REPORT, Severity.LOW)
    assert case.evidence == message.content
    assert case.report_count == 1
    assert list(CaseEvent.objects.order_by("id").values_list("kind", "actor")) == [
        ("opened", reader.id),
        ("reported", reader.id),
    ]


def test_reports_of_one_message_join_one_case(
    message: ChatMessage, session: ChatSession, reader: User
) -> None:
    other = add_reader(session)
    first = report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM)
    before = Case.objects.get()
    second = report_message(user=other, message_id=message.id, kind=ReportKind.ILLEGAL)
    case = Case.objects.get()
    assert first.case == second.case == case
    assert (case.report_count, case.severity) == (2, Severity.CRITICAL)
    assert case.priority > before.priority
    assert case.version > before.version


def test_the_same_reader_reports_a_message_once(message: ChatMessage, reader: User) -> None:
    first = report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM)
    again = report_message(user=reader, message_id=message.id, kind=ReportKind.HATE)
    assert again == first
    assert Case.objects.get().severity == Severity.LOW


def test_a_decided_case_is_not_joined(message: ChatMessage, session: ChatSession, reader: User) -> None:
    report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM)
    Case.objects.update(status="decided", decision="dismiss", decided_at="2026-01-01T00:00Z")
    report = report_message(user=add_reader(session), message_id=message.id, kind=ReportKind.SPAM)
    assert Case.objects.count() == 2
    assert report.case.status == CaseStatus.OPEN


def test_severity_comes_before_the_number_of_reports(session: ChatSession) -> None:
    mild, grave = make_message(session), make_message(session)
    for _ in range(12):
        report_message(user=add_reader(session), message_id=mild.id, kind=ReportKind.SPAM)
    report_message(user=add_reader(session), message_id=grave.id, kind=ReportKind.ILLEGAL)
    assert Case.objects.get(message=grave).priority > Case.objects.get(message=mild).priority


def test_reporters_who_were_right_weigh_more(session: ChatSession) -> None:
    trusted, unknown, wrong = add_reader(session), add_reader(session), add_reader(session)
    for _ in range(5):
        for user, outcome in ((trusted, ReportOutcome.UPHELD), (wrong, ReportOutcome.REJECTED)):
            case = make_case(make_message(session))
            Report.objects.create(
                case=case, message=case.message, reporter=user, kind="spam", outcome=outcome
            )
    assert accuracy_of(wrong) < accuracy_of(unknown) == 0.5 < accuracy_of(trusted) < 1
    priorities = []
    for user in (wrong, unknown, trusted):
        message = make_message(session)
        report_message(user=user, message_id=message.id, kind=ReportKind.HATE)
        priorities.append(Case.objects.get(message=message).priority)
    assert priorities == sorted(set(priorities))


def test_a_stranger_learns_nothing(message: ChatMessage) -> None:
    with pytest.raises(NotFound):
        report_message(user=make_user(), message_id=message.id, kind=ReportKind.SPAM)


@pytest.mark.parametrize("words", ["x" * (MOST_WORDS + 1), "\0"])
def test_words_have_to_be_storable(message: ChatMessage, reader: User, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        report_message(user=reader, message_id=message.id, kind=ReportKind.SPAM, words=words)
    assert refused.value.field == "words"


def test_a_reply_in_the_making_is_reported_later(session: ChatSession, reader: User) -> None:
    reply = make_message(session, "", role=Role.ASSISTANT, status=MessageStatus.STREAMING)
    with pytest.raises(ReplyInProgress):
        report_message(user=reader, message_id=reply.id, kind=ReportKind.SPAM)


@pytest.mark.django_db(transaction=True)
def test_reports_at_once_make_one_case() -> None:
    session = make_session()
    message = make_message(session)
    readers = [add_reader(session) for _ in range(4)]
    barrier = threading.Barrier(len(readers))

    def report(user: User) -> None:
        barrier.wait()
        try:
            report_message(user=user, message_id=message.id, kind=ReportKind.SPAM)
        finally:
            connection.close()

    threads = [threading.Thread(target=report, args=(user,)) for user in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Case.objects.get().report_count == 4

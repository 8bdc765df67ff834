"""A small community for pictures of the moderators' pages; runs inside `manage.py shell`."""

from __future__ import annotations

import random
from datetime import timedelta

from django.utils import timezone

from chat.models import (
    CaseSource,
    ChatMessage,
    ChatSession,
    Decision,
    Generation,
    NoticeTemplate,
    ReportKind,
    Role,
    Severity,
    User,
)
from chat.services.accounts import create_user
from chat.services.messages import count_messages
from chat.services.moderation.cases import Verdict, claim_case, decide_case
from chat.services.moderation.keeping_out import keep_out
from chat.services.moderation.opening import open_case
from chat.services.moderation.reports import report_message
from chat.services.moderation.rules import save_rule
from chat.services.sessions import create_session
from chat.services.usage import count_usage

PASSWORD = "nine green bottles"
PEOPLE = ("ada", "bob", "carol", "dan", "eve", "finn", "gwen", "hugo", "iris")
SAID = (
    ("Is the ferry late today?", "It leaves at nine, and is seldom late."),
    ("Where is it?", "Buy cheap pills at once, only today!"),
    ("And what do people from there say?", "People from that village cannot be trusted."),
)
CASES = (
    ("bob", ReportKind.SPAM),
    ("carol", ReportKind.HARASSMENT),
    ("eve", ReportKind.PERSONAL_DATA),
    ("finn", ReportKind.SELF_HARM),
    ("gwen", ReportKind.OTHER),
)
REPLIES = 400


def seed() -> None:
    """People, what they said, cases in every state, rules, a template, and a week of replies."""
    people = {name: create_user(username=name, password=PASSWORD) for name in PEOPLE}
    for name in PEOPLE:
        User.objects.filter(username=name).update(email=f"{name}@example.org")
    mo, _ = (create_user(username=name, password=PASSWORD, role="moderator") for name in ("mo", "cora"))
    create_user(username="newcomer", password=PASSWORD, role="pending")
    root = User.objects.filter(is_superuser=True).earliest("date_joined")
    for theme in ("light", "dark"):
        _talk(people["ada"], f"A quarrel ({theme})")
    talks = {name: _talk(people[name], "A trip by ferry") for name, _ in CASES}
    cases = {
        name: report_message(
            user=people[name], message_id=talks[name].id, kind=kind, words="Please look."
        ).case
        for name, kind in CASES
    }
    claim_case(actor=mo, case_id=cases["carol"].id)
    gwen = cases["gwen"]
    decide_case(actor=mo, case_id=gwen.id, version=gwen.version, verdict=Verdict(decision=Decision.DISMISS))
    keep_out(
        user=people["hugo"],
        reason="Advertising in every chat.",
        until=timezone.now() + timedelta(days=7),
        by=mo,
    )
    open_case(
        message=_talk(people["iris"], "At the harbour"),
        source=CaseSource.CLASSIFIER,
        severity=Severity.HIGH,
        summary="guard: 91 of 100",
        score=0.91,
    )
    save_rule(
        actor=root, name="Advertising", kind="words", pattern="cheap pills\ncheap watches", action="mask"
    )
    save_rule(
        actor=root,
        name="Card numbers",
        kind="regex",
        pattern=r"\b\d{4}( ?\d{4}){3}\b",
        action="block",
        message="Do not write card numbers here.",
        severity=3,
    )
    NoticeTemplate.objects.create(
        name="The house rules", decision=Decision.WARN, title="Please mind the house rules", body="$reason"
    )
    _replies(people)
    count_usage()


def _talk(owner: User, title: str) -> ChatMessage:
    session: ChatSession = create_session(user=owner, title=title)
    parent: ChatMessage | None = None
    for question, answer in SAID:
        asked = ChatMessage.objects.create(
            session=session, author=owner, role=Role.USER, content=question, parent=parent
        )
        parent = ChatMessage.objects.create(
            session=session, author=owner, role=Role.ASSISTANT, content=answer, parent=asked
        )
    assert parent is not None
    count_messages(session.id)
    return parent


def _replies(people: dict[str, User]) -> None:
    chance, now = random.Random(9), timezone.now()
    message = ChatMessage.objects.filter(role=Role.ASSISTANT).latest("created_at")
    rows = []
    for _ in range(REPLIES):
        ended = now - timedelta(hours=chance.triangular(0, 160, 10))
        slow = chance.lognormvariate(0, 0.5)
        rows.append(
            Generation(
                session=message.session,
                message=message,
                user=people[chance.choice(PEOPLE)],
                model=chance.choice(("paced", "paced", "large")),
                status=chance.choices(("succeeded", "cancelled", "failed"), (90, 6, 4))[0],
                error_code="model_failed",
                prompt_tokens=round(800 * slow),
                cached_tokens=round(500 * slow),
                completion_tokens=round(150 * slow),
                metrics={
                    "queue_ms": round(20 * slow**3),
                    "ttft_ms": round(250 * slow),
                    "tokens_per_second": round(14 / slow, 1),
                    "response_time_ms": round(6000 * slow),
                },
                created_at=ended,
                finished_at=ended,
            )
        )
    for row in Generation.objects.bulk_create(rows):
        Generation.objects.filter(id=row.id).update(created_at=row.finished_at)

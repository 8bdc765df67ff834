"""Titles and summaries that a model writes when it has nothing else to do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from chat.models import BatchLine, ChatMessage, ChatSession, Generation, LanguageModel
from chat.services.describing import ask_about, clean_title, first_words
from tests.support.api import offer_model
from tests.support.batches import answer, claim
from tests.support.factories import make_message, make_session

QUESTION = "What is   the capital of France?"


@pytest.fixture(autouse=True)
def _place(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.AUTO_TITLES, settings.SUMMARY_EVERY = True, 0
    offer_model()
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    events: list[Any] = []
    monkeypatch.setattr("chat.services.describing.publish", lambda group, bell: events.extend(bell.events))
    return events


def reply_to(session: ChatSession, question: ChatMessage) -> UUID:
    reply = make_message(session, "Paris.", role="assistant", parent=question)
    generation = Generation.objects.create(
        session=session,
        message=reply,
        user=session.owner,
        model="paced",
        status="succeeded",
        finished_at=timezone.now(),
    )
    ask_about(generation_id=generation.id)
    return generation.id


def asked(title: str = "") -> ChatSession:
    session = make_session(title=title or first_words(QUESTION))
    reply_to(session, make_message(session, QUESTION))
    return session


@pytest.mark.django_db(transaction=True)
def test_the_first_reply_of_an_unnamed_session_gives_it_a_title(told: list[Any]) -> None:
    session = asked()
    [line] = claim()
    assert "Paris." in line.body
    assert answer(line, '"Capital of France"\nIt is Paris.')
    session.refresh_from_db()
    assert session.title == "Capital of France"
    assert [(event.session_id, event.title) for event in told] == [(str(session.id), session.title)]


def test_a_name_that_somebody_gave_stays() -> None:
    asked("Mine")
    assert not claim()
    session = asked()
    ChatSession.objects.filter(id=session.id).update(title="Mine")
    [line] = claim()
    answer(line, "Capital of France")
    session.refresh_from_db()
    assert session.title == "Mine"


def test_only_the_first_reply_asks_and_only_where_titles_are_wanted(settings: Any) -> None:
    session = asked()
    first = session.messages.earliest("created_at")
    reply_to(session, make_message(session, "And Spain?", parent=first))
    assert BatchLine.objects.count() == 1
    settings.AUTO_TITLES = False
    asked()
    assert BatchLine.objects.count() == 1


def test_models_too_small_and_those_of_others_describe_nothing(settings: Any) -> None:
    settings.DESCRIBING_MIN_MB = 100
    model = LanguageModel.objects.create(
        slug="paced", size_bytes=1, context_length=64, is_default=True, digest="d"
    )
    asked()
    assert not claim()
    LanguageModel.objects.filter(id=model.id).update(size_bytes=1 << 30)
    asked()
    assert len(claim()) == 1


def test_nothing_usable_or_nobody_there_changes_nothing() -> None:
    session = asked()
    [line] = claim()
    answer(line, " \n ")
    session.refresh_from_db()
    assert session.title == first_words(QUESTION)
    gone = asked()
    [line] = claim()
    gone.delete()
    assert answer(line, "Capital of France")


def test_a_summary_every_so_many_messages(settings: Any) -> None:
    settings.AUTO_TITLES, settings.SUMMARY_EVERY = False, 10
    session = make_session(title="Mine", message_count=9)
    question = make_message(session, QUESTION)
    reply_to(session, question)
    assert not claim()
    ChatSession.objects.filter(id=session.id).update(message_count=11)
    reply_to(session, question)
    reply_to(session, question)
    [line] = claim(5)
    answer(line, "They spoke\nof France.")
    session.refresh_from_db()
    assert (session.summary, session.summarised_messages) == ("They spoke of France.", 11)


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("**Tea and Coffee**", "Tea and Coffee"),
        ("\n“Tea.”\nmore", "Tea"),
        ("Title: Tea", "Tea"),
        ("x", ""),
        ("y" * 200, ""),
    ],
)
def test_titles_lose_their_ornaments(said: str, title: str) -> None:
    assert clean_title(said) == title

"""What programs ask for, and what is not to be stored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, Generation
from chat.services.errors import InvalidRequest
from chat.services.programs import ProgramRequest, purge_unstored, start_program_turn
from inference.types.prompts import PromptMessage
from tests.support.api import answer_next, offer_model
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db

ASK = [PromptMessage(role="system", content="Be brief."), PromptMessage(role="user", content="Well?")]


def ask(after: Generation | None = None, *, is_stored: bool = False) -> Generation:
    user = after.user if after is not None else make_user()
    request = ProgramRequest(conversations=[ASK], model="paced", options={}, after=after, is_stored=is_stored)
    start_program_turn(user=user, request=request)
    return answer_next("Yes.")


def long_ago() -> None:
    Generation.objects.update(finished_at=timezone.now() - timedelta(days=1))


@pytest.fixture(autouse=True)
def _place() -> None:
    offer_model()


def test_what_is_not_stored_is_gone_after_the_time_to_resume_it() -> None:
    ask()
    assert purge_unstored() == 0
    kept = ask(is_stored=True)
    long_ago()
    assert purge_unstored() == 1
    assert list(ChatSession.objects.values_list("id", flat=True)) == [kept.session_id]
    assert ChatMessage.objects.count() == 3


def test_an_earlier_reply_that_is_stored_stays_without_what_followed() -> None:
    kept = ask(is_stored=True)
    ask(after=kept)
    assert ChatMessage.objects.count() == 6
    long_ago()
    assert purge_unstored() == 1
    assert Generation.objects.get().id == kept.id
    assert ChatMessage.objects.count() == 3


@pytest.mark.parametrize(
    "metadata", [{"a": "\0"}, {"a\0": "b"}, {"a": "x" * 513}, {str(n): "" for n in range(17)}]
)
def test_notes_that_cannot_be_stored_are_refused(metadata: dict[str, str]) -> None:
    request = ProgramRequest(
        conversations=[ASK], model="paced", options={}, notes={"kind": "x", "metadata": metadata}
    )
    with pytest.raises(InvalidRequest, match="metadata"):
        start_program_turn(user=make_user(), request=request)
    assert ChatMessage.objects.count() == 0


def test_what_is_being_written_stays() -> None:
    request = ProgramRequest(conversations=[ASK], model="paced", options={}, is_stored=False)
    start_program_turn(user=make_user(), request=request)
    assert purge_unstored() == 0
    assert ChatMessage.objects.count() == 3


def test_a_request_takes_few_queries_and_holds_the_database_for_half_of_them() -> None:
    user = make_user()
    request = ProgramRequest(conversations=[ASK], model="paced", options={}, choices=2)
    with CaptureQueriesContext(connection) as queries:
        start_program_turn(user=user, request=request)
    said = [query["sql"] for query in queries]
    begun = next(at for at, sql in enumerate(said) if sql.startswith("SAVEPOINT"))
    assert begun <= 4, said
    assert len(said) - begun <= 18, said

"""The database itself refuses what must never be stored."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import DataError, IntegrityError, models, transaction
from django.utils import timezone

from chat.models import (
    ApiKey,
    ChatMessage,
    ChatSession,
    Generation,
    GenerationChunk,
    GenerationStatus,
    LanguageModel,
    Participant,
    ParticipantRole,
    User,
    WorkerNode,
)
from tests.support.factories import make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db


def refused(rows: models.QuerySet[Any, Any] | Any, **change: Any) -> None:
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        rows.update(**change)


def clashes(table: type[models.Model], /, **fields: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        table._default_manager.create(**fields)


@pytest.mark.parametrize(
    "change",
    [
        {"role": "robot"},
        {"status": "lost"},
        {"tokens_used": -1},
        {"response_time_ms": -1},
        {"status": "streaming"},
        {"session_id": None},
    ],
)
def test_messages(change: dict[str, Any]) -> None:
    make_message(make_session())
    refused(ChatMessage.objects.all(), **change)


def test_a_request_id_is_unique_per_user() -> None:
    session = make_session()
    for _ in range(2):
        make_message(session)
    make_message(session, request_id="r")
    clashes(ChatMessage, session=session, author=session.owner, role="user", request_id="r")
    ChatMessage.objects.create(session=session, author=make_user(), role="user", request_id="r")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "lost"},
        {"priority": 7},
        {"prompt_tokens": -1},
        {"cached_tokens": -1},
        {"completion_tokens": -1},
        {"cached_tokens": 1},
        {"attempt": -1},
        {"status": "running"},
        {"status": "succeeded"},
    ],
)
def test_generations(change: dict[str, Any]) -> None:
    make_generation()
    refused(Generation.objects.all(), **change)


def test_one_active_generation_per_choice() -> None:
    first = make_generation()
    same = {"session": first.session, "message": first.message, "user": first.user, "model": "m"}
    clashes(Generation, **same)
    Generation.objects.create(**same, choice=1)
    Generation.objects.filter(id=first.id).update(
        status=GenerationStatus.CANCELLED, finished_at=timezone.now()
    )
    Generation.objects.create(**same)


def test_chunks_are_numbered_once_and_belong_to_an_attempt() -> None:
    generation = make_generation()
    GenerationChunk.objects.create(generation=generation, seq=0, attempt=1)
    clashes(GenerationChunk, generation=generation, seq=0, attempt=2)
    clashes(GenerationChunk, generation=generation, seq=1, attempt=0)
    refused(GenerationChunk.objects.all(), seq=-1)


def test_participants() -> None:
    session = make_session()
    user = make_user()
    refused(Participant.objects.all(), role="king")
    clashes(Participant, session=session, user=session.owner, role=ParticipantRole.VIEWER)
    clashes(Participant, session=session, user=user, role=ParticipantRole.OWNER)


def test_sessions_count_from_zero() -> None:
    make_session()
    refused(ChatSession.objects.all(), message_count=-1)
    refused(ChatSession.objects.all(), token_usage=-1)


def test_the_rest() -> None:
    WorkerNode.objects.create(name="w", heartbeat_at=timezone.now())
    refused(WorkerNode.objects.all(), status="asleep")
    model = {"name": "n", "source": "s", "path": "p", "digest": "d", "size_bytes": 1, "context_length": 1}
    LanguageModel.objects.create(slug="a", is_default=True, **model)
    clashes(LanguageModel, slug="a", **model)
    clashes(LanguageModel, slug="b", is_default=True, **model)
    user = make_user(username="ann")
    clashes(User, username="ann")
    ApiKey.objects.create(user=user, name="n", prefix="p", digest="d")
    clashes(ApiKey, user=user, name="n", prefix="p", digest="e")


def test_rows_say_what_they_are() -> None:
    generation = make_generation()
    chunk = GenerationChunk.objects.create(generation=generation, seq=0, attempt=1)
    key = ApiKey(name="n", prefix="pk_x")
    named = {
        generation: "queued",
        generation.message: "assistant",
        generation.session: str(generation.session_id),
        chunk: "chunk 0",
        key: "pk_x… (n)",
        Participant.objects.get(session=generation.session): "owner",
        WorkerNode(name="w"): "w (starting)",
        LanguageModel(slug="s", id=uuid.uuid4()): "s",
    }
    for row, word in named.items():
        assert word in str(row)
    assert generation.is_active
    assert key.is_valid

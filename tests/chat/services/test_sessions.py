from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chat.models import ChatSession, Participant, ParticipantRole, WorkerStatus
from chat.services.errors import (
    Forbidden,
    InvalidContent,
    InvalidOptions,
    InvalidRequest,
    NotFound,
    UnknownModel,
)
from chat.services.sessions import create_session, delete_session, update_session
from chat.services.workers import heartbeat
from tests.support.factories import make_generation, make_session, make_user

pytestmark = pytest.mark.django_db


def test_the_creator_owns_it() -> None:
    user = make_user()
    session = create_session(user=user)
    assert Participant.objects.get() == Participant(id=Participant.objects.get().id)
    assert Participant.objects.get().role == ParticipantRole.OWNER
    assert (session.owner, session.settings, session.title) == (user, {}, "")


def test_every_field_can_be_given() -> None:
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"])
    fields: dict[str, Any] = {
        "title": "T",
        "llm_model": "paced",
        "system_prompt": "S",
        "chat_template": "chatml",
        "settings": {"top_k": 1},
        "tags": ["a"],
        "metadata": {"b": 1},
    }
    session = create_session(user=make_user(), **fields)
    session.refresh_from_db()
    assert {name: getattr(session, name) for name in fields} == fields


def test_settings_may_be_none() -> None:
    assert create_session(user=make_user(), settings=None).settings == {}


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"title": "x" * 201}, InvalidRequest, "title"),
        ({"title": 5}, InvalidRequest, "title"),
        ({"title": "\0"}, InvalidContent, "title"),
        ({"llm_model": "gone"}, UnknownModel, "llm_model"),
        ({"chat_template": "vicuna"}, InvalidOptions, "chat_template"),
        ({"settings": {"top_k": -1}}, InvalidOptions, "settings.top_k"),
        ({"owner": 1}, InvalidRequest, "owner"),
    ],
)
def test_refusals_write_nothing(fields: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        create_session(user=make_user(), **fields)
    assert getattr(caught.value, "field", None) == field
    assert not ChatSession.objects.exists()


def test_the_owner_updates_and_deletes() -> None:
    session = make_generation().session
    updated = update_session(user=session.owner, session_id=session.id, title="New", settings={"seed": 1})
    assert (updated.title, updated.settings, updated.updated_at > session.updated_at) == (
        "New",
        {"seed": 1},
        True,
    )
    delete_session(user=session.owner, session_id=session.id)
    assert not ChatSession.objects.exists()


def test_nobody_else_does() -> None:
    session, member = make_session(), make_user()
    for user_id in (session.id, uuid4()):
        with pytest.raises(NotFound):
            delete_session(user=member, session_id=user_id)
    Participant.objects.create(session=session, user=member)
    with pytest.raises(Forbidden):
        delete_session(user=member, session_id=session.id)
    with pytest.raises(Forbidden):
        update_session(user=member, session_id=session.id, title="x")
    assert ChatSession.objects.exists()

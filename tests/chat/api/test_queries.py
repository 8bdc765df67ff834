"""How many queries each list takes, and that it is the same number for many rows as for few."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import ChatSession, LanguageModel, Notice, Participant, ParticipantRole, User, WorkerStatus
from chat.services.accounts import create_api_key
from chat.services.participants import create_invitation
from chat.services.presets import create_preset
from chat.services.reactions import add_reaction
from chat.services.workers import heartbeat
from tests.support.api import Caller, offer_model
from tests.support.batches import make_job
from tests.support.factories import make_message, make_session, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files_dir")]
MOST = 6
KEYS = "/api/v1/auth/keys"

LISTS = (
    "sessions",
    "sessions?q=hello&is_active=true&llm_provider=LOCAL",
    "models",
    "presets",
    "sessions/{id}/messages",
    "sessions/{id}/messages?leaf_id={leaf}",
    "sessions/{id}/messages?before=2100-01-01T00:00:00Z",
    "sessions/{id}/participants",
    "search?q=hello",
    "providers",
    "stats",
    "performance",
    "sessions/{id}/performance",
    "sessions/{id}/export",
    "/v1/models",
    "/v1/files",
    "/v1/batches",
    "notices",
    "workers",
    KEYS,
)


def fill(caller: Caller, session: ChatSession, rows: int) -> None:
    for _ in range(rows):
        other = make_user()
        Participant.objects.create(session=session, user=other, role=ParticipantRole.MEMBER)
        message = make_message(session, "hello")
        add_reaction(user=other, message_id=message.id, emoji="👍")
        make_session(caller.user)
        create_preset(user=caller.user, name=other.username)
        create_api_key(user=caller.user)
        LanguageModel.objects.create(slug=other.username, name="m", size_bytes=1, context_length=64)
        make_job(user=caller.user)
        Notice.objects.create(user=caller.user, title="Hidden", body="A message was hidden.")
        heartbeat(name=other.username, status=WorkerStatus.READY, loaded_models=["paced"])
        create_invitation(user=caller.user, session_id=session.id, role=ParticipantRole.VIEWER)


def count(caller: Caller | Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        response = caller.get(path)
    assert response.status_code == 200, response.content
    return len(queries)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_few_queries_however_long_it_is(ada: Caller, path: str) -> None:
    offer_model()
    User.objects.filter(id=ada.user.id).update(is_staff=path == "workers")
    session = make_session(ada.user)
    path = path.format(id=session.id, leaf=make_message(session, "hello").id)
    caller = log_in(ada) if path == KEYS else ada
    fill(ada, session, 1)
    count(caller, path)  # notes that the key was used, which it does once a minute
    few = count(caller, path)
    fill(ada, session, 5)
    assert count(caller, path) == few <= MOST


def log_in(person: Caller) -> Client:
    """A browser: keys are not shown to keys."""
    browser = Client()
    browser.force_login(person.user)
    return browser

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from chat.models import (
    ApiKey,
    AuditEntry,
    ChatMessage,
    ChatSession,
    Generation,
    LanguageModel,
    User,
    WorkerNode,
)
from chat.services.accounts import create_api_key, create_user
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db
READ_ONLY = (ChatSession, ChatMessage, Generation, LanguageModel, WorkerNode, ApiKey, AuditEntry)


@pytest.fixture
def client() -> Client:
    """An administrator's browser."""
    client = Client()
    client.force_login(create_user(username="root", password="secret", role="administrator"))
    return client


def test_everything_is_registered() -> None:
    assert {User, *READ_ONLY} <= set(admin.site._registry)


@pytest.mark.parametrize("model", [User, *READ_ONLY])
def test_lists_open_and_only_accounts_can_be_added(client: Client, model: type) -> None:
    generation = make_generation()
    create_api_key(user=generation.user)
    base = f"/admin/chat/{model.__name__.lower()}/"
    assert client.get(base).status_code == 200
    assert client.get(f"{base}add/").status_code == (200 if model is User else 403)


def test_rows_are_read_not_written(client: Client) -> None:
    generation = make_generation()
    path = f"/admin/chat/generation/{generation.id}/change/"
    assert client.get(path).status_code == 200
    assert client.post(path, {"status": "failed"}).status_code == 403
    assert client.post(path.replace("change", "delete"), {"post": "yes"}).status_code == 403

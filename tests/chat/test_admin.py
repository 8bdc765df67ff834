from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from chat.models import (
    ApiKey,
    AuditEntry,
    ChatMessage,
    ChatSession,
    Generation,
    GroupLimits,
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


PEOPLE = "/admin/chat/user/"


def browser_of(role: str) -> Client:
    client = Client()
    client.force_login(create_user(username=f"a-{role}", password="secret", role=role))
    return client


def test_a_moderator_approves_and_changes_nothing_else() -> None:
    pending = create_user(username="ann", password="secret", role="pending")
    client = browser_of("moderator")
    assert client.get(PEOPLE).status_code == 200
    client.post(PEOPLE, {"action": "approve", "_selected_action": [str(pending.id)]})
    assert User.objects.get(username="ann").role == "user"
    assert client.post(f"{PEOPLE}{pending.id}/change/", {"role": "administrator"}).status_code == 403
    assert client.get("/admin/auth/group/").status_code == 403


def test_an_administrator_gives_roles_and_groups(client: Client) -> None:
    person = create_user(username="ann", password="secret")
    students = Group.objects.create(name="students")
    path = f"{PEOPLE}{person.id}/change/"
    assert client.get(path).status_code == 200
    sent = {"username": "ann", "role": "moderator", "groups": [students.id]}
    assert client.post(path, sent).status_code == 302
    person = User.objects.get(id=person.id)
    assert (person.role, {group.name for group in person.groups.all()}) == (
        "moderator",
        {"moderator", "students"},
    )
    made = {
        "username": "bob",
        "usable_password": "true",
        "password1": "long-and-new-1",
        "password2": "long-and-new-1",
    }
    assert client.post(f"{PEOPLE}add/", made).status_code == 302
    assert User.objects.get(username="bob").role == "user"


def test_an_administrator_limits_a_group(client: Client) -> None:
    LanguageModel.objects.create(slug="paced", size_bytes=1, context_length=1)
    students = Group.objects.create(name="students")
    path = f"/admin/auth/group/{students.id}/change/"
    assert "paced" in client.get(path).content.decode()
    sent = {"name": "students", "limits-TOTAL_FORMS": "1", "limits-INITIAL_FORMS": "0"}
    sent |= {"limits-0-allowed_models": "paced", "limits-0-tokens_per_day": "1000"}
    assert client.post(path, sent).status_code == 302
    limits = GroupLimits.objects.get()
    assert (limits.group, limits.allowed_models, limits.tokens_per_day) == (students, ["paced"], 1000)

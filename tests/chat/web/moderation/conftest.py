"""A moderator's and an administrator's browser."""

from __future__ import annotations

import pytest
from django.test import Client

from chat.models import User
from chat.services.accounts import create_user


@pytest.fixture(autouse=True)
def _nothing_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves the process, and tries to log in are not counted."""
    monkeypatch.setattr("chat.services.ratelimit._blind_until", float("inf"))


@pytest.fixture
def moderator(db: None) -> User:
    """A moderator with the password `secret`."""
    return create_user(username="mo", password="secret", role="moderator")


@pytest.fixture
def moderating(moderator: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(moderator)
    prove(client)
    return client


def prove(client: Client) -> None:
    """Give the password again."""
    client.post("/accounts/reauthenticate/", {"password": "secret"})


@pytest.fixture
def administrating(db: None) -> Client:
    """An administrator's browser."""
    client = Client()
    client.force_login(create_user(username="root", password="secret", role="administrator"))
    prove(client)
    return client

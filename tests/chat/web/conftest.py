"""A person with a browser, and static files that need no collecting."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from chat.models import User
from tests.support.factories import make_user


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Doorbells rung and generations hinted at; nothing leaves the process."""
    rings: list[str] = []
    monkeypatch.setattr("chat.services.telling.publish", lambda group, doorbell: rings.append(group))
    monkeypatch.setattr(
        "chat.services.replies.enqueue_generation", lambda id_, *_: rings.append(f"hint.{id_}")
    )
    return rings


@pytest.fixture
def ada(db: None) -> User:
    """Somebody with an account."""
    return make_user(username="ada")


@pytest.fixture
def browser(ada: User) -> Client:
    """Ada's browser, logged in."""
    client = Client()
    client.force_login(ada)
    return client

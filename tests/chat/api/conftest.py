"""People with keys, and a model that could answer them."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async

from tests.support.api import Caller, offer_model
from tests.support.house import House, build_house


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """(group, event) of every doorbell; nothing leaves the process."""
    rings: list[tuple[str, object]] = []

    def publish(group: str, doorbell: object) -> None:
        rings.extend((group, event) for event in doorbell.events)  # type: ignore[attr-defined]

    for module in ("telling", "sessions", "generations.cancelling"):
        monkeypatch.setattr(f"chat.services.{module}.publish", publish)
    monkeypatch.setattr("chat.services.replies.enqueue_generation", lambda id_, *_: None)
    return rings


@pytest.fixture(autouse=True)
def _same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Async views use the test's own connection, so that its transaction holds what they write."""
    api = [f"openai.{name}" for name in ("requests", "responses", "files", "embeddings")] + ["v1.process"]
    for module in (*(f"chat.api.{name}" for name in api), "chat.services.embeddings"):
        monkeypatch.setattr(f"{module}.in_database", sync_to_async)


@pytest.fixture
def ada(db: None) -> Caller:
    """Somebody with a key, and a model to talk to."""
    offer_model()
    return Caller()


@pytest.fixture
def bob(db: None) -> Caller:
    """Somebody else."""
    return Caller()


@pytest.fixture
def house(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> House:
    """One of everything, and callers of every kind; Redis is not asked."""
    monkeypatch.setattr("chat.api.v1.health.count_connections", lambda: 0)
    monkeypatch.setattr("chat.api.v1.tickets.issue_ticket", lambda user_id: "t")
    return build_house(ada)

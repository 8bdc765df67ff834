"""Providers over HTTP: how they do, and who may switch them."""

from __future__ import annotations

from typing import Any

import pytest

from chat.models import ProviderModel
from chat.services.provider_health import note_failure, note_first_token, note_success
from chat.services.providers import add_provider
from tests.support.api import Caller
from tests.support.factories import make_user

NEW = {"slug": "openrouter", "base_url": "https://openrouter.ai/api/v1", "models": {"meta/big": "big"}}


@pytest.fixture
def root(db: None) -> Caller:
    """An administrator."""
    return Caller(make_user(is_staff=True, is_superuser=True))


def listed(caller: Caller) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = caller.get("providers").json()["providers"]
    return [row for row in rows if row["provider"] != "LOCAL"]


def test_an_administrator_adds_changes_and_removes(root: Caller, ada: Caller) -> None:
    added = root.post("providers", NEW | {"api_key": "sk-secret", "priority": 5})
    assert added.status_code == 201
    [row] = listed(ada)
    assert (row["model"], row["status"], row["priority"], row["is_enabled"]) == ("big", "untried", 5, True)
    assert (
        root.put("providers/openrouter", {"is_enabled": False, "models": {"x": "small"}}).status_code == 200
    )
    assert [(row["model"], row["status"]) for row in listed(ada)] == [
        ("big", "disabled"),
        ("small", "disabled"),
    ]
    assert root.delete("providers/openrouter").status_code == 200
    assert listed(ada) == []
    assert root.delete("providers/openrouter").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (NEW | {"base_url": "ftp://x"}, 422, "base_url"),
        (NEW | {"api_key": "sk secret"}, 422, "api_key"),
        (NEW | {"api_key_env": "SECRET_KEY"}, 422, "api_key_env"),
        (NEW | {"colour": "red"}, 422, "colour"),
        (NEW | {"priority": -1}, 422, "priority"),
    ],
)
def test_nonsense_is_refused_without_repeating_a_key(
    root: Caller, body: dict[str, Any], status: int, field: str
) -> None:
    refused = root.post("providers", body)
    assert refused.status_code == status
    assert refused.json()["details"]["field"].endswith(field)
    assert "secret" not in refused.content.decode().lower().replace("secret_key", "")


def test_nothing_gives_a_key_back(root: Caller) -> None:
    for answer in (
        root.post("providers", NEW | {"api_key": "sk-secret"}),
        root.put("providers/openrouter", {"api_key": "sk-secret2"}),
        root.get("providers"),
    ):
        assert "sk-secret" not in answer.content.decode()


def test_errors_are_for_staff(root: Caller, ada: Caller) -> None:
    add_provider(slug="p", base_url="http://10.0.0.1/v1", models={"m": "big"})
    served_id = ProviderModel.objects.get().id
    note_first_token(served_id=served_id, latency_ms=40)
    note_success(served_id=served_id)
    note_failure(served_id=served_id, message="It broke.", rest_s=60)
    [seen], [told] = listed(ada), listed(root)
    assert (seen["status"], seen["latency_ms"], seen["requests"]) == ("resting", 40, 2)
    assert seen["error_rate"] == pytest.approx(0.1)
    assert seen["rests_until"]
    assert (seen["last_error"], told["last_error"]) == (None, "It broke.")
    assert "10.0.0.1" not in str(seen)


def test_a_session_may_name_a_provider(root: Caller, ada: Caller) -> None:
    root.post("providers", NEW)
    session = ada.post("sessions", {"llm_provider": "OPENROUTER"}).json()["id"]
    sent = ada.post(f"sessions/{session}/messages", {"content": "Hi"})
    assert sent.status_code == 201
    reply = ada.get(f"sessions/{session}/messages").json()["messages"][-1]
    assert (reply["llm_provider"], reply["llm_model"]) == ("openrouter", "big")
    for refused in (
        ada.post("sessions", {"llm_provider": "nobody"}),
        ada.put(f"sessions/{session}", {"llm_provider": ""}),
    ):
        assert (refused.status_code, refused.json()["details"]["field"]) == (422, "llm_provider")
    assert len(ada.get("sessions").json()["sessions"]) == 1


def test_a_provider_that_is_not_in_use_is_known_but_answers_nothing(root: Caller, ada: Caller) -> None:
    root.post("providers", NEW | {"is_enabled": False})
    session = ada.post("sessions", {"llm_provider": "openrouter"}).json()["id"]
    refused = ada.post(f"sessions/{session}/messages", {"content": "Hi"})
    assert (refused.status_code, refused.json()["details"]["field"]) == (422, "llm_provider")

"""What people say and what lets them in stands in no log, whatever happens."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chat.api.v1 import messages
from tests.support.api import Caller
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db
SECRET = "my-hovercraft-is-full-of-eels"


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    records = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    return records + "".join(capfd.readouterr())


def test_no_content_key_or_password(
    ada: Caller, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    session = make_session(ada.user)
    ada.post(f"sessions/{session.id}/messages", {"content": SECRET})
    ada.post(f"sessions/{session.id}/messages", {"content": SECRET, "options": {SECRET: 1}})
    ada.post("/api/v1/auth/token", {"username": "ada", "password": SECRET})
    ada.get("sessions", headers={"Authorization": f"Bearer pk_{SECRET}"})
    ada.post("/api/v1/auth/token/refresh", {"refresh": SECRET})
    ada.get(f"search?q={SECRET}")
    text = logged(caplog, capfd)
    assert SECRET not in text
    assert ada.secret not in text


def test_not_even_when_something_breaks(
    ada: Caller,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(messages, "start_turn", fail)
    response = ada.post(f"sessions/{make_session(ada.user).id}/messages", {"content": SECRET})
    assert response.status_code == 500
    text = logged(caplog, capfd)
    assert "RuntimeError" in text or "failed" in text
    assert SECRET not in text + response.content.decode()
    assert ada.secret not in text


def test_an_invitation_s_token_is_not_in_the_log_of_a_failure(
    ada: Caller, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("chat.api.v1.participants.accept_invitation", fail)
    assert ada.post(f"invitations/{SECRET}/accept").status_code == 500
    assert SECRET not in caplog.text

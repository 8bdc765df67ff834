"""Logins through a real OpenID provider on this machine, over HTTP and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import oidc_provider_mock
import pytest
from django.test import Client
from django.utils import timezone

from chat.models import User
from chat.services.accounts import suspend_user
from chatproject import env

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
CLAIMS = {"email": "ann@example.org", "email_verified": True, "preferred_username": "ann", "name": "Ann"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Its address."""
    ann = oidc_provider_mock.User(sub="subject-1", claims=CLAIMS)
    with oidc_provider_mock.run_server_in_thread(user_claims=[ann], require_nonce=False) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def _offered(provider: str, settings: Any) -> None:
    apps = env.openid_connect(provider, client_id="parley", secret="s", name="Club login")
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": apps}}
    settings.OIDC_SIGNUP = "open"


@pytest.fixture(autouse=True)
def _nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.ratelimit._blind_until", float("inf"))


def come_in(browser: Client) -> str:
    """Press the button, agree at the provider, and come back; where that leads."""
    asked = browser.post("/accounts/oidc/oidc/login/?process=login")["Location"]
    agreed = httpx2.post(asked, data={"sub": "subject-1"}).headers["Location"]
    assert "/accounts/oidc/oidc/login/callback/?" in agreed
    return str(browser.get(agreed[agreed.index("/accounts/") :])["Location"])


def test_somebody_new_gets_an_account_and_comes_in_again(client: Client) -> None:
    assert come_in(client) == "/"
    assert client.get("/batches/").status_code == 200
    user = User.objects.get()
    assert (user.username, user.email, user.role) == ("ann", "ann@example.org", "user")
    other = Client()
    assert come_in(other) == "/"
    assert other.get("/batches/").status_code == 200
    assert User.objects.count() == 1


def test_somebody_new_waits_where_an_administrator_has_to_approve(client: Client, settings: Any) -> None:
    settings.OIDC_SIGNUP = "approval"
    assert come_in(client) == "/accounts/inactive/"
    assert User.objects.get().role == "pending"
    assert client.get("/batches/").status_code == 302


def test_nobody_new_comes_in_where_it_is_closed(client: Client, settings: Any) -> None:
    settings.OIDC_SIGNUP = "closed"
    asked = client.post("/accounts/oidc/oidc/login/?process=login")["Location"]
    agreed = httpx2.post(asked, data={"sub": "subject-1"}).headers["Location"]
    page = client.get(agreed[agreed.index("/accounts/") :])
    assert "Signing up is closed" in page.content.decode()
    assert not User.objects.exists()


def test_who_is_suspended_is_kept_out_this_way_too(client: Client) -> None:
    come_in(client)
    suspend_user(user=User.objects.get(), reason="Spam", until=timezone.now() + timedelta(days=1))
    stranger = Client()
    assert come_in(stranger) == "/accounts/inactive/"
    assert "Your account is suspended until" in stranger.get("/accounts/inactive/").content.decode()
    assert stranger.get("/batches/").status_code == 302


def test_a_made_up_answer_of_the_provider_lets_nobody_in(client: Client) -> None:
    client.post("/accounts/oidc/oidc/login/?process=login")
    client.get("/accounts/oidc/oidc/login/callback/?code=made-up&state=made-up")
    assert client.get("/batches/").status_code == 302
    assert not User.objects.exists()

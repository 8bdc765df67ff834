"""Starting a chat."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import ChatMessage, ChatSession, Generation, LanguageModel, User, WorkerNode, WorkerStatus
from chat.services.workers import heartbeat
from tests.support.factories import make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def models() -> None:
    """One model in the catalogue, one that only a worker has, one switched off."""
    make_model("small", is_default=True)
    make_model("retired", is_active=False)
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"], slots=1)


def make_model(slug: str, **fields: bool) -> LanguageModel:
    return LanguageModel.objects.create(
        slug=slug,
        name=slug,
        source="test",
        path=f"/{slug}.gguf",
        digest="0" * 64,
        size_bytes=1,
        architecture="llama",
        context_length=2048,
        **fields,
    )


def test_without_a_session_home_offers_to_begin(browser: Client, models: None) -> None:
    page = browser.get("/").content.decode()
    up, down = (f'data-provider="LOCAL" data-status="{status}"' for status in ("up", "down"))
    assert f'<option value="paced" selected {up}>paced</option>' in page
    assert f'<option value="small" {down} disabled>small (no worker has loaded it)</option>' in page
    assert "retired" not in page
    assert page.count("New chat") == 1


def test_where_nothing_is_loaded_the_default_can_be_chosen(browser: Client, models: None) -> None:
    WorkerNode.objects.update(status=WorkerStatus.STOPPED, loaded_models=[])
    page = browser.get("/").content.decode()
    assert re.search(r'<option value="small" selected [^>]*>small \(no worker has loaded it\)</option>', page)
    assert "disabled>" not in page


def test_home_leads_to_the_latest_session(browser: Client, ada: User) -> None:
    old, new = make_session(ada), make_session(ada)
    assert browser.get("/")["Location"] == reverse("session", args=[new.id])
    ChatSession.objects.filter(id=old.id).update(updated_at=timezone.now() + timedelta(minutes=1))
    assert browser.get("/")["Location"] == reverse("session", args=[old.id])


def test_a_new_chat_has_what_was_chosen(browser: Client, ada: User, models: None) -> None:
    response = browser.post(
        reverse("new_session"), {"llm_model": "paced", "system_prompt": "You speak in rhymes."}
    )
    session = ChatSession.objects.get(owner=ada)
    assert response["Location"] == reverse("session", args=[session.id])
    assert (session.llm_model, session.system_prompt) == ("paced", "You speak in rhymes.")
    assert not session.messages.exists()


def test_a_first_message_is_asked_at_once(
    browser: Client,
    models: None,
    rung: list[str],
    django_capture_on_commit_callbacks: pytest.FixtureRequest,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        response = browser.post(reverse("new_session"), {"llm_model": "small", "content": "Hello there"})
    generation = Generation.objects.get()
    assert generation.model == "small"
    assert ChatMessage.objects.get(role="user").content == "Hello there"
    assert response["Location"] == reverse("session", args=[generation.session_id])
    assert rung == [f"hint.{generation.id}", f"session.{generation.session_id}"]


@pytest.mark.parametrize("model", ["retired", "unheard-of"])
def test_an_unknown_model_is_refused(browser: Client, models: None, model: str) -> None:
    response = browser.post(reverse("new_session"), {"llm_model": model})
    assert response.status_code == 400
    assert "Model: Select a valid choice." in response.content.decode()
    assert not ChatSession.objects.exists()


def test_what_a_service_refuses_is_said_and_leaves_nothing(browser: Client) -> None:
    response = browser.post(reverse("new_session"), {"llm_model": "", "content": "Hello"})
    assert response.status_code == 400
    page = response.content.decode()
    assert "There is no model yet" in page
    assert ">\nHello</textarea>" in page
    assert not ChatSession.objects.exists()


def test_control_characters_are_refused(browser: Client, models: None) -> None:
    response = browser.post(reverse("new_session"), {"llm_model": "small", "content": "a\0b"})
    assert response.status_code == 400
    assert not ChatSession.objects.exists()


def test_it_takes_a_post_and_a_login(browser: Client, client: Client) -> None:
    assert browser.get(reverse("new_session")).status_code == 405
    assert client.post(reverse("new_session"))["Location"].startswith("/accounts/login/")


def test_it_takes_a_token_against_forgery(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert strict.post(reverse("new_session")).status_code == 403

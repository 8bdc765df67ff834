"""One's own account: keys, devices, all one's data, and its end."""

from __future__ import annotations

import io
import json
import re
from typing import Any
from zipfile import ZipFile

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import (
    ApiKey,
    Appeal,
    Attachment,
    ChatMessage,
    ChatSession,
    Participant,
    Preset,
    Report,
    StoredFile,
    User,
)
from chat.selectors.accounts import list_devices
from chat.services.accounts import create_api_key, find_api_key
from chat.services.files import store_file
from chat.services.tokens import find_token_user, log_in
from chat.web.account.takeout import takeout
from tests.support.factories import (
    make_case,
    make_generation,
    make_message,
    make_notice,
    make_session,
    make_user,
)

pytestmark = pytest.mark.django_db
LOGIN = {"username": "ann", "password": "secret"}
PAGE = "/account/"


@pytest.fixture
def ann() -> User:
    """Whose account it is."""
    return make_user(username="ann")


@pytest.fixture
def browser(ann: User) -> Client:
    """One that is logged in as people do it."""
    client = Client(headers={"User-Agent": "Firefox of Ann"})
    client.post("/accounts/login/", LOGIN)
    return client


def say_elsewhere(session: ChatSession, author: User) -> ChatMessage:
    message = make_message(session, "said elsewhere")
    ChatMessage.objects.filter(id=message.id).update(author=author)
    return message


def test_strangers_see_no_account() -> None:
    for name in ("account", "delete_account"):
        assert Client().get(reverse(name)).status_code == 302
    for name in ("create_key", "export_account"):
        assert Client().post(reverse(name)).status_code == 302


def test_a_key_is_shown_once_and_revoked(browser: Client, ann: User) -> None:
    page = browser.post(reverse("create_key"), {"name": "robot", "days": "7", "scopes": ["chat:read"]})
    key = ApiKey.objects.get(user=ann)
    (secret,) = re.findall(r"<code>(pk_[\w-]{20,})<", page.content.decode())
    assert find_api_key(secret=secret) == key
    assert (key.scopes, key.expires_at is not None) == (["chat:read"], True)
    assert secret not in browser.get(PAGE).content.decode()
    assert browser.post(reverse("revoke_key", args=[key.id]))["Location"] == PAGE
    assert find_api_key(secret=secret) is None
    assert browser.post(reverse("create_key"), {"name": ""}).status_code == 400
    other, _ = create_api_key(user=make_user())
    assert browser.post(reverse("revoke_key", args=[other.id])).status_code == 404


def test_devices_are_listed_and_ended(browser: Client, ann: User) -> None:
    phone, tokens = Client(headers={"User-Agent": "Phone"}), log_in(**LOGIN)
    phone.post("/accounts/login/", LOGIN)
    page = browser.get(PAGE).content.decode()
    assert ("Firefox of Ann" in page, "Phone" in page, "A program with tokens" in page) == (True, True, True)
    ends = [part.partition('"')[0] for part in page.split('action="/account/devices/')[1:]]
    assert len(ends) == 2, "the one that asks stays"
    stranger = Client()
    stranger.force_login(make_user())
    for end in ends:
        assert stranger.post(f"{PAGE}devices/{end}").status_code == 404
        assert browser.post(f"{PAGE}devices/{end}").status_code == 302
    assert phone.get(PAGE).status_code == 302
    assert find_token_user(access=tokens.access) is None
    assert browser.get(PAGE).status_code == 200
    for wrong in ("browser-x", "tokens-x", "browser-999999", "x"):
        assert browser.post(reverse("end_login", args=[wrong])).status_code == 404


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.0", "curl/8.0"),
    ],
)
def test_a_device_has_a_name_that_people_know(ann: User, user_agent: str, name: str) -> None:
    client = Client(headers={"User-Agent": user_agent})
    client.post("/accounts/login/", LOGIN)
    (device,) = list_devices(ann)
    assert device.name == name


@pytest.mark.django_db(transaction=True)
def test_the_export_has_everything_that_is_theirs_and_nothing_else(ann: User, files_dir: Any) -> None:
    own, other = make_session(ann, title="Mine"), make_session(title="Not mine")
    make_message(own, "my own words")
    make_message(other, "their words")
    say_elsewhere(other, ann)
    store_file(user=ann, purpose="user_data", file=ContentFile(b"content" * 1000), filename="a/b.txt")
    create_api_key(user=ann, name="robot")
    Preset.objects.create(owner=ann, name="Pirate", system_prompt="Talk like one")
    case = make_case(make_message(other, "their insult"))
    Report.objects.create(case=case, reporter=ann, kind="hate", words="it hurts")
    Appeal.objects.create(case=make_case(), appellant=ann, words="not so")
    make_notice(ann)

    async def read() -> bytes:
        return b"".join([piece async for piece in takeout(ann)])

    archive = ZipFile(io.BytesIO(async_to_sync(read)()))
    assert archive.testzip() is None
    account = json.loads(archive.read("account.json"))
    assert (account["account"]["username"], account["account"]["role"]) == ("ann", "user")
    assert [key["name"] for key in account["api_keys"]] == ["robot"]
    assert account["presets"][0]["system_prompt"] == "Talk like one"
    assert account["reports"][0]["words"] == "it hurts"
    assert account["appeals"][0]["words"] == "not so"
    assert account["notices"][0]["body"] == "A reason"
    assert [place["session_id"] for place in account["conversations"]] == [str(own.id)]
    assert account["messages_in_conversations_of_others"][0]["content"] == "said elsewhere"
    names = archive.namelist()
    (conversation,) = [name for name in names if name.startswith("conversations/")]
    assert "my own words" in archive.read(conversation).decode()
    (file,) = [name for name in names if name.startswith("files/")]
    assert file.endswith("-a_b.txt")
    assert archive.read(file) == b"content" * 1000
    everything = b"".join(archive.read(name) for name in names)
    assert b"their words" not in everything
    assert b"their insult" not in everything


@pytest.mark.django_db(transaction=True)
def test_deletion_leaves_nothing_of_theirs(browser: Client, ann: User, files_dir: Any) -> None:
    session = make_generation(make_session(ann)).session
    make_message(session, "my own words")
    other = make_session()
    Participant.objects.create(session=other, user=ann, role="member")
    said = say_elsewhere(other, ann)
    path = store_file(user=ann, purpose="user_data", file=ContentFile(b"x"), filename="x").content.path
    guests = store_file(user=make_user(), purpose="user_data", file=ContentFile(b"y"), filename="y")
    Attachment.objects.create(session=session, message=make_message(session), file=guests, kind="text")
    page = reverse("delete_account")
    assert browser.get(page)["Location"].startswith("/accounts/reauthenticate/")
    assert browser.post(page, {"username": "ann"})["Location"].startswith("/accounts/reauthenticate/")
    browser.post("/accounts/reauthenticate/", {"password": "secret"})
    assert "This is not your username" in browser.post(page, {"username": "bob"}).content.decode()
    assert User.objects.filter(username="ann").exists()
    assert "The account is deleted" in browser.post(page, {"username": "ann"}).content.decode()
    assert not User.objects.filter(username="ann").exists()
    assert not ChatSession.objects.filter(id=session.id).exists()
    assert not StoredFile.objects.exists()
    assert not any(files_dir.rglob(path.rpartition("/")[2]))
    said.refresh_from_db()
    assert (said.content, said.author) == ("(deleted)", None)
    assert not ChatMessage.objects.filter(content__contains="own words").exists()
    assert browser.get(PAGE).status_code == 302


def test_it_says_how_ones_own_replies_do(browser: Client, ann: User) -> None:
    session = make_session(ann)
    slow = {"tokens_per_second": 2.5, "response_time_ms": 900}
    ended = timezone.now()
    for _ in range(2):
        make_generation(session, status="succeeded", metrics=slow, finished_at=ended)
        make_generation(status="succeeded", metrics=slow | {"tokens_per_second": 1.0}, finished_at=ended)
    page = browser.get("/account/").content.decode()
    assert "2.5 tokens per second" in page
    assert f"/chat/{session.id}/" in page

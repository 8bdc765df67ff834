"""Coming in and going out."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from chat.models import User
from tests.support.factories import make_session

LOGIN = "/accounts/login/"
STRICT = ("default-src 'self'", "object-src 'none'", "frame-ancestors 'none'")


@pytest.mark.parametrize("path", ["/", "/chat/8f7c2a7e-3f10-4c1c-9d58-000000000000/"])
def test_strangers_are_sent_to_the_login(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"] == f"{LOGIN}?next={path}"


def test_login_leads_to_where_one_wanted_to_go(client: Client, ada: User) -> None:
    wanted = reverse("session", args=[make_session(ada).id])
    page = client.get(f"{LOGIN}?next={wanted}").content.decode()
    assert '<label for="id_username">Username</label>' in page
    assert '<label for="id_password">Password</label>' in page
    assert f'name="next" value="{wanted}"' in page
    response = client.post(LOGIN, {"username": "ada", "password": "secret", "next": wanted})
    assert response["Location"] == wanted
    assert client.get(wanted).status_code == 200


def test_no_page_later_tells_of_the_login(client: Client, ada: User) -> None:
    client.post(LOGIN, {"username": "ada", "password": "secret"})
    assert "signed in" not in client.get("/notices/").content.decode()


def test_no_part_of_an_open_page_becomes_the_login(client: Client, ada: User) -> None:
    meta = client.get(reverse("session_meta", args=[make_session(ada).id]), headers={"HX-Request": "true"})
    assert (meta.status_code, meta.content) == (204, b"")
    rows = client.get(reverse("session_list"), headers={"HX-Request": "true"}, follow=True)
    assert (rows.headers["HX-Refresh"], rows.content) == ("true", b"")


def test_a_wrong_password_says_so(client: Client, ada: User) -> None:
    response = client.post(LOGIN, {"username": "ada", "password": "wrong"})
    assert "username and/or password you specified are not correct" in response.content.decode()


def test_logging_out_needs_a_post(browser: Client) -> None:
    assert browser.get(reverse("logout")).status_code == 405
    assert browser.post(reverse("logout"))["Location"] == LOGIN
    assert browser.get("/")["Location"] == f"{LOGIN}?next=/"


def test_pages_allow_no_inline_code(client: Client, browser: Client) -> None:
    for response in (client.get(LOGIN), browser.get("/")):
        policy = response["Content-Security-Policy"]
        assert all(directive in policy for directive in STRICT)
        assert "unsafe" not in policy
        page = response.content.decode()
        assert "style=" not in page
        assert " on" + "click" not in page

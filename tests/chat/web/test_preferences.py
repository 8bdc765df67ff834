"""Language and colours: chosen once, the same on every page and in every browser."""

from __future__ import annotations

import pytest
from django.test import Client

from chat.models import User

LOGIN = "/accounts/login/"
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.1"}


def choose(client: Client, **chosen: str) -> str:
    response = client.post("/preferences/", {"next": LOGIN, **chosen})
    assert response.status_code == 302
    return response.headers["Location"]


def test_pages_follow_the_browsers_language(client: Client, db: None) -> None:
    page = client.get(LOGIN, headers=GERMAN).content.decode()
    assert '<html lang="de"' in page
    assert "Bei Parley anmelden" in page
    assert 'src="/i18n/de.js"' in page
    assert '<html lang="en"' in client.get(LOGIN).content.decode()


def test_a_chosen_language_is_kept_in_the_account(client: Client, ada: User) -> None:
    client.force_login(ada)
    assert choose(client, language="de") == LOGIN
    assert '<html lang="de"' in client.get("/batches/").content.decode()
    ada.refresh_from_db()
    assert (ada.language, ada.theme) == ("de", "auto")
    elsewhere = Client()
    elsewhere.post(LOGIN, {"username": "ada", "password": "secret"})
    assert '<html lang="de"' in elsewhere.get("/batches/").content.decode()


def test_colours_are_drawn_by_the_server(client: Client, ada: User) -> None:
    page = client.get(LOGIN).content.decode()
    assert 'data-theme="auto"' in page
    assert 'name="color-scheme" content="light dark"' in page
    choose(client, theme="dark")
    page = client.get(LOGIN).content.decode()
    assert 'data-theme="dark"' in page
    assert 'name="color-scheme" content="dark"' in page
    client.cookies["theme"] = '"><script>'
    assert 'data-theme="auto"' in client.get(LOGIN).content.decode()
    client.force_login(ada)
    choose(client, theme="contrast")
    ada.refresh_from_db()
    assert ada.theme == "contrast"


@pytest.mark.parametrize("chosen", [{"theme": "pink"}, {"language": "tlh"}])
def test_what_does_not_exist_is_refused(client: Client, db: None, chosen: dict[str, str]) -> None:
    assert client.post("/preferences/", chosen).status_code == 400


def test_one_is_led_back_to_our_own_pages_only(client: Client, db: None) -> None:
    response = client.post("/preferences/", {"theme": "dark", "next": "https://elsewhere.example/"})
    assert response.headers["Location"] == "/"
    assert client.get("/preferences/").status_code == 405


def test_the_front_end_gets_its_strings(client: Client) -> None:
    script = client.get("/i18n/de.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert '"Connected": "Verbunden"' in script.content.decode()
    for other in ("en", "xx", "..%2f"):
        assert "Verbunden" not in client.get(f"/i18n/{other}.js").content.decode()

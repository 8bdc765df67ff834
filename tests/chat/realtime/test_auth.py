from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from chat.realtime.auth import is_own_page, language_of


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://localhost", "localhost", True),
        ("http://localhost:9000", "localhost:8000", False),
        ("http://127.0.0.1:8000", "localhost:8000", False),
        ("https://localhost:8000", "localhost:8000", False),
        ("http://chat.example.org", "chat.example.org", False),
        ("http://evil.example", "localhost:8000", False),
        ("", "localhost:8000", False),
        ("http://", "", False),
        ("null", "localhost:8000", False),
        ("file://localhost", "localhost:8000", False),
        ("http://[", "localhost:8000", False),
    ],
)
def test_by_default_only_pages_from_here(origin: str, host: str, allowed: bool) -> None:
    assert is_own_page(origin, host, is_secure=False) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://chat.example.org", "chat.example.org", True),
        ("http://chat.example.org", "chat.example.org", False),
        ("https://chat.example.org:8443", "chat.example.org", False),
        ("https://evil.example", "chat.example.org", False),
    ],
)
def test_a_wildcard_host_is_no_wildcard_page(settings: Any, origin: str, host: str, allowed: bool) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert is_own_page(origin, host, is_secure=True) is allowed


def test_trusted_origins_are_trusted(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.example.org"]
    assert is_own_page("https://front.example.org", "localhost:8000", is_secure=False)
    assert not is_own_page("https://front.example.org:8443", "localhost:8000", is_secure=False)


def test_the_language_is_the_one_of_the_pages() -> None:
    cookie = (b"cookie", f"{settings.LANGUAGE_COOKIE_NAME}=de".encode())
    wish = (b"accept-language", b"de-AT, en;q=0.5")
    assert [language_of({"headers": headers}) for headers in ([cookie], [wish], [])] == ["de", "de", "en"]

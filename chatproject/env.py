"""Typed readers of environment variables: the only reader of configuration in `os.environ`.

A wrong value raises `BadEnvironment`, one line that names the variable and what it should be.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from environs import Env, EnvError, validate

T = TypeVar("T")

_env = Env(eager=True)

MAIL_TIMEOUT_S = 10
"""How long a mail server may be silent before a message counts as not sent."""


class BadEnvironment(SystemExit):
    """The start is refused; the message is the one line the operator sees."""


def _read(reader: Callable[..., T], name: str, default: object, *, hint: str, **kwargs: Any) -> T:
    try:
        return reader(name, default, **kwargs)
    except (EnvError, ValueError) as error:
        raise BadEnvironment(f"{name} is not valid: expected {hint}.") from error


def text(name: str, default: str = "") -> str:
    """A string."""
    return _read(_env.str, name, default, hint="text")


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number between `low` and `high`."""
    hint = f"a whole number from {low} to {high}"
    return _read(_env.int, name, default, hint=hint, validate=validate.Range(low, high))


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A number between `low` and `high`."""
    hint = f"a number from {low} to {high}"
    return _read(_env.float, name, default, hint=hint, validate=validate.Range(low, high))


def boolean(name: str, default: bool) -> bool:
    """True or false."""
    return _read(_env.bool, name, default, hint="true or false")


def words(name: str, default: list[str], *, may_be_empty: bool = False) -> list[str]:
    """A comma-separated list, without its empty entries."""
    found = [word.strip() for word in _read(_env.list, name, default, hint="a comma-separated list")]
    found = [word for word in found if word]
    if not found and not may_be_empty:
        raise BadEnvironment(f"{name} is not valid: expected a comma-separated list of at least one.")
    return found


def numbers(name: str, *, low: float, high: float) -> list[float]:
    """A comma-separated list of numbers, empty unless it is given."""
    try:
        found = [float(word) for word in words(name, [], may_be_empty=True)]
    except ValueError:
        found = [low - 1]
    if not all(low <= value <= high for value in found):
        raise BadEnvironment(f"{name} is not valid: expected numbers from {low:g} to {high:g}, with commas.")
    return found


def networks(name: str, default: list[str]) -> list[str]:
    """A comma-separated list of addresses and networks; empty for none."""
    found = words(name, default, may_be_empty=True)
    try:
        return [str(ipaddress.ip_network(network)) for network in found]
    except ValueError as error:
        raise BadEnvironment(f"{name} is not valid: expected networks as 10.0.0.0/8, with commas.") from error


def choice(name: str, default: str, *, among: list[str]) -> str:
    """One of a few words."""
    hint = f"one of {', '.join(among)}"
    return _read(_env.str, name, default, hint=hint, validate=validate.OneOf(among))


def directory(name: str, default: Path) -> Path:
    """An absolute path; the directory is created, private to its owner."""
    path = Path(text(name) or default).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadEnvironment(f"{name} is not valid: {path} cannot be created ({error.strerror}).") from error
    return path


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings for a database URL: sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME."""
    hint = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME"
    parsed: dict[str, Any] = dict(_read(_env.dj_db_url, name, default, hint=hint))
    if parsed["ENGINE"] not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
        raise BadEnvironment(f"{name} is not valid: expected {hint}.")
    return parsed


def redis(name: str, default: str) -> str:
    """A Redis URL: redis://, rediss:// or unix://PATH."""
    url = text(name) or default
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise BadEnvironment(f"{name} is not valid: expected redis://HOST:PORT/N, rediss://… or unix://PATH.")
    return url


def email(name: str) -> dict[str, Any]:
    """Django's settings for a mail server, smtp://USER:PASSWORD@HOST:PORT; without one no mail is sent."""
    url = text(name)
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parsed = _read(_env.dj_email_url, name, "", hint="smtp://USER:PASSWORD@HOST:PORT")
    if "EMAIL_BACKEND" not in parsed:
        raise BadEnvironment(f"{name} is not valid: expected smtp://USER:PASSWORD@HOST:PORT.")
    given = {key: value for key, value in parsed.items() if key.startswith("EMAIL_") and value is not None}
    return {"EMAIL_TIMEOUT": MAIL_TIMEOUT_S} | given


def openid_connect(server: str, *, client_id: str, secret: str, name: str) -> list[dict[str, Any]]:
    """allauth's description of a provider of logins; empty without one."""
    if not server:
        return []
    if not client_id or not server.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise BadEnvironment("OIDC_SERVER_URL is not valid: expected https://…, and OIDC_CLIENT_ID.")
    app = {"provider_id": "oidc", "name": name, "client_id": client_id, "secret": secret}
    return [app | {"settings": {"server_url": server.rstrip("/"), "oauth_pkce_enabled": True}}]


def keys(name: str, *, size: int) -> list[bytes]:
    """Comma-separated keys of so many bytes, in URL-safe base64; empty for none."""
    try:
        found = [base64.urlsafe_b64decode(word) for word in words(name, [], may_be_empty=True)]
    except ValueError:
        found = [b""]
    if any(len(key) != size for key in found):
        hint = "keys as `manage.py content new_key` makes them, with commas"
        raise BadEnvironment(f"{name} is not valid: expected {hint}.")
    return found


def secret_key(name: str, path: Path) -> str:
    """The configured secret, or one that is made at the first start and kept in `path`."""
    configured = text(name)
    if configured:
        return configured
    if not path.exists():
        # Web and worker may start together: the first link wins, and nobody reads a half-written file.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()

"""Content that the database keeps sealed, with AES-256-GCM under keys that only the environment has.

The first of `CONTENT_KEYS` seals, each of them opens. What was written without a key is read as it is, so
that keys may come later (`manage.py content rotate_keys`). What is empty stays so, and can be looked for in
such a column; nothing else can.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.expressions import Case, Combinable, Value, When
from django.db.models.functions import Cast, Coalesce, Length

if TYPE_CHECKING:
    TextField = models.TextField[str | Combinable, str]
    BinaryField = models.BinaryField[Any, Any]
else:  # generic in the stubs only
    TextField = models.TextField
    BinaryField = models.BinaryField

KEY_BYTES = 32
RESERVED, SEALED, PLAIN = "sealed:", "sealed:1:", "sealed:0:"
"""What begins like a sealed text and is none is stored behind `PLAIN`."""
VERSION, NONCE_BYTES = b"\x01sealed:1", 12
"""No token has an id as high as this begins."""
OVERHEAD = len(VERSION) + NONCE_BYTES + 16
"""Bytes that sealing adds. Token ids come in fours: by their number the database knows sealed ones."""
WORD = 4

_writes_plain = ContextVar("writes_plain", default=False)


class Unreadable(Exception):  # noqa: N818  an answer
    """None of the keys opens it."""

    def __init__(self) -> None:
        super().__init__(
            "The content in this database was sealed with a key that CONTENT_KEYS does not have: put it back."
        )


def is_sealing() -> bool:
    """Whether what is written now is sealed, and cannot be searched."""
    return bool(settings.CONTENT_KEYS) and not _writes_plain.get()


@contextmanager
def writing_plain() -> Iterator[None]:
    """Inside, nothing is sealed, and everything is opened as before."""
    token = _writes_plain.set(True)
    try:
        yield
    finally:
        _writes_plain.reset(token)


def plain_size(column: str) -> Combinable:
    """Of a sealed column of token ids: how many bytes there are, for the database to count with."""
    return Length(column) - OVERHEAD * (Length(column) % WORD)


def text_size(column: str) -> Combinable:
    """Of a sealed column of text: about how many characters there are."""
    size = Length(column)
    opened = (size - len(SEALED)) * 3 / 4 - OVERHEAD
    return Case(When(**{f"{column}__startswith": SEALED}, then=opened), default=size)


def stored_size(
    fields: Iterable[models.Field[Any, Any]], names: Mapping[str, str] | None = None
) -> Combinable:
    """Of the long ones among a row's columns: about how many bytes are stored. `names` are other names."""
    size: Combinable = Value(0)
    for field in fields:
        name = (names or {}).get(field.attname, field.attname)
        if isinstance(field, models.JSONField):
            size += Coalesce(Length(Cast(name, models.TextField())), 0)
        elif isinstance(field, models.TextField | models.BinaryField):
            size += Coalesce(Length(name), 0)
    return size


class SealedTextField(TextField):
    """Text."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """As it is stored."""
        return super().get_db_prep_save(_close_text(value), connection)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        """As it was written. Raises `Unreadable`."""
        return _open_text(value) if value and value.startswith(RESERVED) else value


class SealedJSONField(models.JSONField):
    """JSON: a string where it is sealed."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """As it is stored."""
        if value and is_sealing() and not hasattr(value, "as_sql"):
            value = _close_text(json.dumps(value, cls=self.encoder))
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """As it was written. Raises `Unreadable`."""
        found = super().from_db_value(value, expression, connection)
        if isinstance(found, str) and found.startswith(SEALED):
            return json.loads(_open_text(found), cls=self.decoder)
        return found


class SealedBinaryField(BinaryField):
    """Bytes."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """As it is stored."""
        if value and is_sealing() and not hasattr(value, "as_sql"):
            value = _seal(bytes(value))
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        """As it was written. Raises `Unreadable`."""
        if value is None:
            return None
        found = bytes(value)
        return _unseal(found) if found.startswith(VERSION) else found


def sealed_columns() -> dict[type[models.Model], list[str]]:
    """What is sealed, by model."""
    kinds = (SealedTextField, SealedJSONField, SealedBinaryField)
    found = {
        model: [field.name for field in model._meta.concrete_fields if isinstance(field, kinds)]
        for model in apps.get_app_config("chat").get_models()
    }
    return {model: names for model, names in found.items() if names}


def _close_text(text: Any) -> Any:
    if not isinstance(text, str):  # an expression, whose values come here one by one
        return text
    if text and is_sealing():
        return SEALED + urlsafe_b64encode(_seal(text.encode())).decode()
    return PLAIN + text if text.startswith(RESERVED) else text


def _open_text(stored: str) -> str:
    if stored.startswith(SEALED):
        return _unseal(urlsafe_b64decode(stored.removeprefix(SEALED))).decode()
    return stored.removeprefix(PLAIN)


def _seal(data: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + _ciphers(tuple(settings.CONTENT_KEYS))[0].encrypt(nonce, data, None)


def _unseal(sealed: bytes) -> bytes:
    nonce, rest = sealed[len(VERSION) :][:NONCE_BYTES], sealed[len(VERSION) + NONCE_BYTES :]
    for cipher in _ciphers(tuple(settings.CONTENT_KEYS)):
        try:
            return cipher.decrypt(nonce, rest, None)
        except InvalidTag:
            continue
    raise Unreadable


@lru_cache(maxsize=8)
def _ciphers(keys: tuple[bytes, ...]) -> list[AESGCM]:
    return [AESGCM(key) for key in keys]

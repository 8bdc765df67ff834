"""Writing all content anew, under the first of the keys or without any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model

from chat.models import ChatMessage
from chat.sealed import SEALED, sealed_columns, stored_size, writing_plain
from chat.services.audit import record
from chat.services.errors import InvalidRequest
from chat.services.retention import wipe

ROWS = 500
PIECE_ROWS, PIECE_BYTES = 20, 1_000_000
"""What one transaction writes: others wait for it."""


def rotate_keys() -> int:
    """Seal everything with the first key, also what never was; returns how many rows that were.

    Raises `InvalidRequest` without a key, and `Unreadable` where one is missing.
    """
    if not settings.CONTENT_KEYS:
        raise InvalidRequest("CONTENT_KEYS is empty: make a key with `manage.py content new_key`.")
    return _rewrite("content.sealed")


def unseal_everything() -> int:
    """Write everything in the clear, so that the keys may go. Nobody else may write meanwhile."""
    with writing_plain():
        return _rewrite("content.unsealed")


def require_readable() -> None:
    """Raises `Unreadable` where the oldest or the newest message was sealed with a key that is missing."""
    said = ChatMessage.objects.exclude(content="")  # such as replies in the making
    for order in ("created_at", "-created_at"):
        said.order_by(order).values_list("content", flat=True).first()


def has_plain_words() -> bool:
    """Whether a message is stored as it was written, although there are keys."""
    said = ChatMessage.objects.exclude(content="")
    return bool(settings.CONTENT_KEYS) and said.exclude(content__startswith=SEALED).exists()


def _rewrite(action: str) -> int:
    count = sum(_rewrite_table(model, names) for model, names in sealed_columns().items())
    record(actor=None, action=action, details={"rows": count})
    wipe()
    return count


def _rewrite_table(model: type[Model], names: list[str]) -> int:
    count, last = 0, None
    size = stored_size(field for field in model._meta.concrete_fields if field.name in names)
    while True:
        rows: Any = model._base_manager.order_by("pk").annotate(stored_size=size)
        if last is not None:
            rows = rows.filter(pk__gt=last)
        page = list(rows.values_list("pk", "stored_size")[:ROWS])
        if not page:
            return count
        for piece in _pieces(page):
            count += _rewrite_rows(model, names, piece)
        last = page[-1][0]


def _pieces(page: list[tuple[Any, int]]) -> Iterator[list[Any]]:
    """The ids of a page, so many together as are written in a moment."""
    piece: list[Any] = []
    total = 0
    for id_, size in page:
        if piece and (len(piece) == PIECE_ROWS or total + size > PIECE_BYTES):
            yield piece
            piece, total = [], 0
        piece.append(id_)
        total += size
    yield piece


def _rewrite_rows(model: type[Model], names: list[str], ids: list[Any]) -> int:
    with transaction.atomic():
        rows = list(model._base_manager.select_for_update().filter(pk__in=ids).only(*names).order_by("pk"))
        for row in rows:
            row.save(update_fields=names)
    return len(rows)

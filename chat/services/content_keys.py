"""Writing all content anew, under the first of the keys or without any."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Model

from chat.models import ChatMessage
from chat.sealed import SealedBinaryField, SealedJSONField, SealedTextField, writing_plain
from chat.services.audit import record
from chat.services.errors import InvalidRequest
from chat.services.retention import wipe

ROWS = 500


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
    """Raises `Unreadable` where the newest message was sealed with a key that is missing."""
    ChatMessage.objects.order_by("-created_at").values_list("content", flat=True).first()


def sealed_columns() -> dict[type[Model], list[str]]:
    """What is sealed, by model."""
    kinds = (SealedTextField, SealedJSONField, SealedBinaryField)
    found = {
        model: [field.name for field in model._meta.concrete_fields if isinstance(field, kinds)]
        for model in apps.get_app_config("chat").get_models()
    }
    return {model: names for model, names in found.items() if names}


def _rewrite(action: str) -> int:
    count = sum(_rewrite_table(model, names) for model, names in sealed_columns().items())
    record(actor=None, action=action, details={"rows": count})
    wipe()
    return count


def _rewrite_table(model: type[Model], names: list[str]) -> int:
    count, last = 0, None
    while True:
        rows: Any = model._base_manager.order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        with transaction.atomic():
            batch = list(rows.select_for_update().only(*names)[:ROWS])
            if not batch:
                return count
            model._base_manager.bulk_update(batch, names)
        count, last = count + len(batch), batch[-1].pk

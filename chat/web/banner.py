"""What every template may show."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from chat.selectors.operating import read_banner


def banner(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `banner`, read only where a template shows it."""
    return {"banner": SimpleLazyObject(read_banner)}

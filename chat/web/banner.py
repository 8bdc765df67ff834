"""What every page may show: the banner, and how many notices wait."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from chat.selectors.moderation import count_unread_notices
from chat.selectors.operating import read_banner
from chat.web.sidebar import page_user


def banner(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `banner` and `unread_notices`, read only where a template shows them."""
    return {
        "banner": SimpleLazyObject(read_banner),
        "unread_notices": SimpleLazyObject(lambda: count_unread_notices(page_user(request))),
    }

"""How a page's request goes through the middlewares."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_only_middleware

Respond = Callable[[HttpRequest], HttpResponseBase]


@sync_only_middleware
def in_one_thread(get_response: Respond) -> Respond:
    """The innermost: Django then calls all the others as plain functions in the request's thread, where each
    would else be entered from the event loop and left to it, twice a request.
    """
    return get_response

"""Reading bodies, and saying what is wrong with one that cannot be read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from chat.api.errors import CSRF_FAILED, TOO_DEEP
from chat.api.openai.errors import answer
from chat.api.parsing import BadBody, JsonParser


class BodyParser(JsonParser):
    """Takes what says that it is JSON, or says nothing."""

    def accepts(self, kind: str) -> bool:
        """OpenAI asks no more."""
        return not kind or kind.endswith("+json") or super().accepts(kind)


def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    """The answer to a body that could not be read; ninja has wrapped the reason in an `HttpError`."""
    match error.__cause__:
        case BadBody(status=status, message=message, field=field):
            return answer(
                status, message, param=field, code="unsupported_content_type" if status == 415 else None
            )
        case RecursionError():
            return answer(400, TOO_DEEP)
    return answer(error.status_code, CSRF_FAILED if error.status_code == 403 else str(error))

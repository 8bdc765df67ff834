"""What a client reads of a command that is refused."""

from __future__ import annotations

import logging

from django.db import OperationalError
from django.utils.translation import override

from chat.realtime.protocol.views import CommandError
from chat.services.errors import ServiceError, database_away

logger = logging.getLogger(__name__)

NOT_TEXT = CommandError(code="invalid_frame", message="A frame must be text: a JSON object with a type.")
TOO_FAST = CommandError(
    code="too_many_requests", message="You are sending too fast; wait a moment and try again."
)
OUR_FAULT = CommandError(
    code="internal_error", message="Something went wrong on our side: try again in a moment."
)


def refusal_of(error: ServiceError | OperationalError, language: str) -> CommandError:
    """A service's refusal, or that of a database that is away, in the client's language."""
    if isinstance(error, OperationalError):
        logger.warning("the database cannot be used: %s", error)
        error = database_away(error)
    with override(language):
        return CommandError(code=error.code, message=error.message, field=error.field)

"""Why replies failed, in the language of whoever reads of it."""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils.translation import get_language, override

from chat.realtime.protocol.events import GenerationFailed, MessageUpdate, ServerEvent
from chat.realtime.protocol.views import GenerationError, MessageView
from chat.wording import in_words
from inference.types.errors import Reason


def event_in_words(event: ServerEvent, language: str) -> ServerEvent:
    """An event as a reader of the language gets it."""
    match event:
        case GenerationFailed(error=error):
            said: dict[str, Any] = {"error": error_in_words(error, language)}
        case MessageUpdate(message=MessageView(error_message=str()) as message):
            said = {"message": message_in_words(message, language)}
        case _:
            return event
    return msgspec.structs.replace(event, **said)


def error_in_words(error: GenerationError, language: str | None = None) -> GenerationError:
    """In the given language, or the active one."""
    return msgspec.structs.replace(error, message=_say(error.message, error.reason, language))


def message_in_words(view: MessageView, language: str | None = None) -> MessageView:
    """In the given language, or the active one."""
    if view.error_message is None:
        return view
    said = _say(view.error_message, view.error_reason, language)
    return msgspec.structs.replace(view, error_message=said)


def _say(message: str, reason: Reason | None, language: str | None) -> str:
    with override(language or get_language()):
        return in_words(reason or message)

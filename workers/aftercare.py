"""What is done about a reply after its end, on a thread that nobody waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from chat.background import BackgroundSender
from chat.services.describing import ask_about
from chat.services.moderation.guarding import ask_guard
from chat.services.moderation.screening import look_through
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)


def care_for(generation_id: UUID) -> None:
    """A generation has ended and is committed. What fails here is not tried again."""
    _sender.put(generation_id)


def _open() -> Callable[[list[UUID]], None]:
    return _care


def _care(generation_ids: list[UUID]) -> None:
    try:
        for generation_id in generation_ids:
            _care_for_one(generation_id)
    finally:
        reconnect()


def _care_for_one(generation_id: UUID) -> None:
    try:
        look_through(generation_id=generation_id)
        ask_guard(generation_id=generation_id)
        ask_about(generation_id=generation_id)
    except OUTAGE:
        raise
    except Exception:  # it takes no other with it
        logger.exception("what follows the end of generation %s failed", generation_id)


_sender: BackgroundSender[UUID] = BackgroundSender("aftercare", _open)

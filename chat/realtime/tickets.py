"""Single-use tickets: a login for clients that cannot send headers with a WebSocket."""

from __future__ import annotations

import logging
import secrets
from uuid import UUID

from chat.realtime.redis_clients import REDIS_ERRORS, async_redis, redis_client
from chat.services.errors import Unavailable

logger = logging.getLogger(__name__)

TICKET_SECONDS = 60


def issue_ticket(*, user_id: UUID) -> str:
    """A ticket for one connection of this user within `TICKET_SECONDS`. Raises `Unavailable`."""
    ticket = secrets.token_urlsafe(32)
    try:
        redis_client().set(_key(ticket), str(user_id), ex=TICKET_SECONDS)
    except REDIS_ERRORS as error:
        raise Unavailable("Tickets are not available now: try again in 5 s.", retry_after=5) from error
    return ticket


async def redeem_ticket(ticket: str) -> UUID | None:
    """The user a ticket was issued to, once; None for any other."""
    try:
        found = await async_redis().getdel(_key(ticket[:100]))
    except REDIS_ERRORS as error:
        logger.warning("cannot redeem a ticket: %s", error)
        return None
    return UUID(str(found)) if found else None


def _key(ticket: str) -> str:
    return f"parley:ticket:{ticket}"

"""Tickets for WebSocket clients that cannot send headers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from chat.api.auth import LOGGED_IN
from chat.realtime.tickets import TICKET_SECONDS, issue_ticket

router = Router(tags=["tickets"], auth=LOGGED_IN)


class Ticket(Schema):
    """Good for one connection, as `?ticket=`, within `expires_in` seconds."""

    ticket: str
    expires_in: int = TICKET_SECONDS


@router.post("tickets", response={201: Ticket}, summary="A single-use WebSocket ticket")
def create_ticket(request: HttpRequest) -> Status[Any]:
    """A ticket for the caller."""
    user: Any = request.user  # authenticated, so never anonymous
    return Status(201, Ticket(ticket=issue_ticket(user_id=user.id)))

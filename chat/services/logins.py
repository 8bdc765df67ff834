"""Telling a user's sockets that a login may have ended."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from chat.realtime.protocol.doorbells import Doorbell, login_group
from chat.realtime.publisher import publish


def tell_login_changed(user_id: UUID) -> None:
    """After the commit, let every socket of a user look whether its own login is still good."""
    transaction.on_commit(lambda: publish(login_group(user_id), Doorbell(events=[])))

"""Why a socket is closed, and the order to close sockets."""

from __future__ import annotations

from chat.realtime.protocol.events import Event


class Close:
    """Close codes of the chat socket."""

    NOT_LOGGED_IN = 4401
    NOT_ALLOWED = 4403
    NO_SUCH_SESSION = 4404
    TOO_SLOW = 4408
    TOO_MANY = 4429


class CloseSockets(Event, frozen=True, kw_only=True, tag="close_sockets"):
    """An order to web processes, never sent to clients: close a session's sockets, or one user's."""

    code: int
    user_id: str | None = None

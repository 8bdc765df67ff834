"""What one socket passes on of its session: in order, each message once, nothing of its own typing."""

from __future__ import annotations

from collections.abc import Callable

from chat.realtime.followers import Followers
from chat.realtime.outbox import Outbox
from chat.realtime.protocol.closing import CloseSockets
from chat.realtime.protocol.doorbells import RoomEvent
from chat.realtime.protocol.events import GenerationQueued, MessageUpdate, TypingIndicator
from chat.services.turns import Turn


class Hearing:
    """A member of the session's room, for the user whose socket it is."""

    def __init__(
        self, user_id: str, *, outbox: Outbox, followers: Followers, shut: Callable[[int], None]
    ) -> None:
        self._user_id = user_id
        self._outbox = outbox
        self._followers = followers
        self._shut = shut
        self._held: list[RoomEvent] | None = None
        self._told_new: set[str] = set()

    def hear(self, event: RoomEvent) -> None:
        """Take an event of the session; never waits."""
        if self._held is not None:
            self._held.append(event)
            return
        match event:
            case CloseSockets(code=code, user_id=user_id):
                if user_id in (None, self._user_id):
                    self._shut(code)
            case GenerationQueued():
                self._followers.begin(event)
            case TypingIndicator(user_id=user_id) if user_id == self._user_id:
                return
            case MessageUpdate(action="new_message", message=message) if message.id in self._told_new:
                self._told_new.discard(message.id)
            case _:
                self._outbox.post(event)

    def tell_turn(self, turn: Turn) -> None:
        """Tell this socket of its own turn without Redis; the doorbell for the others is then a repeat."""
        for update in turn.updates:
            if update.action == "new_message":
                self._told_new.add(update.message.id)
            self._outbox.post(update)
        if turn.queued is not None:
            self._followers.begin(turn.queued)

    def hold(self) -> None:
        """Keep what comes until `release`: something else is to be told first."""
        self._held = []

    def release(self) -> None:
        """Pass on what was kept."""
        held, self._held = self._held or [], None
        for event in held:
            self.hear(event)

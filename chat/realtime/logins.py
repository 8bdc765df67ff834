"""Sockets hear when a login of theirs may have ended: one subscription per process and user."""

from __future__ import annotations

import asyncio
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from chat.realtime.protocol.doorbells import Doorbell, login_group
from chat.realtime.subscription import Subscription


class Member(Protocol):
    """A socket of somebody who is logged in."""

    def check_login(self) -> None:
        """Look whether the login is still good, and close otherwise; never waits."""


class _Sockets:
    """One user's sockets in this process."""

    def __init__(self, user_id: UUID) -> None:
        self.members: set[Member] = set()
        self.subscription = Subscription(login_group(user_id), self._ring)

    def _ring(self, _: Doorbell) -> None:
        for member in tuple(self.members):
            member.check_login()


class Logins:
    """The users of one event loop. A doorbell that is lost leaves it to the socket's next command."""

    def __init__(self) -> None:
        self._users: dict[UUID, _Sockets] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def join(self, user_id: UUID, member: Member) -> None:
        """Hear of this user's logins from now on."""
        if user_id not in self._users:
            self._users[user_id] = _Sockets(user_id)
            self._users[user_id].subscription.start()
        self._users[user_id].members.add(member)

    def leave(self, user_id: UUID, member: Member) -> None:
        """Hear nothing any more; again is harmless."""
        sockets = self._users.get(user_id)
        if sockets is None:
            return
        sockets.members.discard(member)
        if not sockets.members:
            del self._users[user_id]
            stopping = asyncio.create_task(sockets.subscription.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)


def logins() -> Logins:
    """The running loop's logins."""
    return _all_logins.setdefault(asyncio.get_running_loop(), Logins())


_all_logins: WeakKeyDictionary[asyncio.AbstractEventLoop, Logins] = WeakKeyDictionary()

"""Who is connected where, in Redis, for all web processes; entries expire unless they are refreshed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

from chat.realtime.redis_clients import REDIS_ERRORS, async_redis, redis_client

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 60
REFRESH_SECONDS = 20
ALL_SOCKETS = "parley:sockets"


@dataclass(frozen=True)
class Seat:
    """One socket: who, where, and its own id."""

    session_id: UUID
    user_id: UUID
    connection_id: str

    @property
    def member(self) -> str:
        """How the session's set names it."""
        return f"{self.user_id}:{self.connection_id}"

    @property
    def session_key(self) -> str:
        """The set of a session's sockets."""
        return f"parley:presence:{self.session_id}"

    @property
    def user_key(self) -> str:
        """The set of a user's sockets."""
        return f"parley:sockets:{self.user_id}"

    @property
    def entries(self) -> list[tuple[str, str]]:
        """Every (set, member) this socket has."""
        return [
            (self.session_key, self.member),
            (self.user_key, self.connection_id),
            (ALL_SOCKETS, self.connection_id),
        ]


@dataclass(frozen=True)
class Entered:
    """Whether a new socket's user is new in the session, how many sockets the user has with it, and who else
    is in the session.
    """

    is_first: bool
    sockets: int
    others: frozenset[UUID] = frozenset()


class Presence:
    """The seats of one process. Without Redis, it counts its own and announces nobody."""

    def __init__(self) -> None:
        self._seats: set[Seat] = set()
        self._per_user: Counter[UUID] = Counter()
        self._refresher: asyncio.Task[None] | None = None

    async def enter(self, seat: Seat) -> Entered:
        """Take a seat."""
        self._seats.add(seat)
        self._per_user[seat.user_id] += 1
        if self._refresher is None or self._refresher.done():
            self._refresher = asyncio.create_task(self._refresh(), name="presence")
        own = self._per_user[seat.user_id]
        try:
            members, everywhere = await self._write_seat(seat)
        except REDIS_ERRORS as error:
            logger.warning("presence is not shared: %s", error)
            return Entered(is_first=False, sockets=own)
        people = {UUID(member.partition(":")[0]) for member in members}
        return Entered(_count(members, seat) == 1, max(own, everywhere), frozenset(people - {seat.user_id}))

    async def leave(self, seat: Seat) -> bool:
        """Leave a seat; True when it was the user's last in the session."""
        if seat not in self._seats:
            return False
        self._seats.discard(seat)
        self._per_user -= Counter([seat.user_id])
        try:
            async with async_redis().pipeline() as pipe:
                for key, member in seat.entries:
                    pipe.zrem(key, member)
                pipe.zrange(seat.session_key, 0, -1)
                members = (await pipe.execute())[-1]
        except REDIS_ERRORS as error:
            logger.warning("presence is not shared: %s", error)
            return False
        return _count(members, seat) == 0

    async def _write_seat(self, seat: Seat) -> tuple[list[str], int]:
        now = time.time()
        async with async_redis().pipeline() as pipe:
            for key, member in seat.entries:
                pipe.zremrangebyscore(key, "-inf", now)
                pipe.zadd(key, {member: now + EXPIRES_SECONDS})
                pipe.expire(key, 2 * EXPIRES_SECONDS)
            pipe.zrange(seat.session_key, 0, -1)
            pipe.zcard(seat.user_key)
            *_, members, sockets = await pipe.execute()
        return members, sockets

    async def _refresh(self) -> None:
        while self._seats:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh_now()
            except REDIS_ERRORS as error:
                logger.warning("presence is not shared: %s", error)

    async def refresh_now(self) -> None:
        """Write every seat again, as after a Redis restart."""
        expiry = time.time() + EXPIRES_SECONDS
        async with async_redis().pipeline(transaction=False) as pipe:
            for key, member in [entry for seat in self._seats for entry in seat.entries]:
                pipe.zadd(key, {member: expiry})
                pipe.expire(key, 2 * EXPIRES_SECONDS)
            await pipe.execute()


def presence() -> Presence:
    """The running loop's presence."""
    return _presences.setdefault(asyncio.get_running_loop(), Presence())


def count_connections() -> int:
    """Open sockets of all web processes. Raises a Redis error."""
    return int(redis_client().zcount(ALL_SOCKETS, time.time(), "+inf"))


def is_anybody_in(session_id: UUID) -> bool:
    """Whether a socket of the session is open. Raises a Redis error."""
    key = Seat(session_id, session_id, "").session_key
    return bool(redis_client().zcount(key, time.time(), "+inf"))


def _count(members: list[str], seat: Seat) -> int:
    return sum(member.startswith(f"{seat.user_id}:") for member in members)


_presences: WeakKeyDictionary[asyncio.AbstractEventLoop, Presence] = WeakKeyDictionary()

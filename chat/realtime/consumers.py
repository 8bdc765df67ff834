"""The chat socket: it admits, decodes, calls one service per command; what is live is pulled beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import OperationalError

from chat.log_context import begin_request
from chat.metrics import count_command, open_sockets
from chat.realtime.auth import Refused, Visitor, admit, language_of
from chat.realtime.commands import LoggedOut, find_resumable, perform
from chat.realtime.database import in_database
from chat.realtime.followers import Followers
from chat.realtime.frames import BadFrame, read_command
from chat.realtime.hearing import Hearing
from chat.realtime.logins import logins
from chat.realtime.outbox import Outbox
from chat.realtime.presence import Seat, presence
from chat.realtime.protocol.closing import Close
from chat.realtime.protocol.commands import (
    MAX_FRAME_BYTES,
    ClientCommand,
    Ping,
    Resume,
    TypingStart,
    TypingStop,
)
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import (
    ConnectionEstablished,
    ErrorEvent,
    Pong,
    SessionEvent,
    TypingIndicator,
    UserJoined,
    UserLeft,
)
from chat.realtime.protocol.views import CommandError
from chat.realtime.publisher import publish
from chat.realtime.ratelimit import TokenBucket
from chat.realtime.refusals import NOT_TEXT, OUR_FAULT, TOO_FAST, refusal_of
from chat.realtime.rooms import rooms
from chat.realtime.typing_notice import TypingNotice
from chat.selectors.accounts import names_of
from chat.selectors.generations import active_generations
from chat.services.errors import ServiceError

logger = logging.getLogger(__name__)

TOO_BIG = 1009
INTERNAL_ERROR = 1011
MAX_SEQ = 2**31 - 1
CLOSE_SECONDS = 10.0


@dataclass(frozen=True)
class Guest:
    """Who has been let in, to which seat, and what they hear there."""

    visitor: Visitor
    seat: Seat
    hearing: Hearing


class NoSuchPath(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Refuses the handshake of a path that is no socket."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        await self.close()


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket in one session.

    It takes no channel of the layer for itself: `rooms` hears the session for all sockets of the process,
    `follow_generation` a reply for all its readers, so tokens never pass through `dispatch`.
    """

    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outbox = Outbox(self.send, lambda: self.shut(Close.TOO_SLOW))
        self.followers = Followers(self.outbox, lambda: self.shut(INTERNAL_ERROR))
        self.typing = TypingNotice(self._tell_typing)
        self._bucket = TokenBucket()
        self._guest: Guest | None = None
        self._is_shut = False
        self._patience = asyncio.timeout(None)
        self._leaving: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None

    # ---- coming and going

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            with open_sockets.track_inprogress():
                async with self._patience:
                    await super().__call__(scope, receive, send)
        except TimeoutError:
            if not self._patience.expired():
                raise
        finally:
            self._is_shut = True
            await self._let_go()

    async def connect(self) -> None:
        # Accepted first: a browser learns a close code only from an open socket.
        await self.accept()
        try:
            self.outbox.language = language_of(self.scope)
            session_id = _parse_id(self.scope["url_route"]["kwargs"]["session_id"])
            visitor = await admit(self.scope, session_id)
            await self._sit_down(visitor, session_id)
        except Refused as refused:
            self.shut(refused.code)
        except Exception:  # the edge of the socket
            logger.exception("cannot open a socket")
            self.shut(INTERNAL_ERROR)

    def shut(self, code: int) -> None:
        """Close from our side, once. A client that does not even read that is left after `CLOSE_SECONDS`."""
        if not self._is_shut:
            self._is_shut = True
            self._patience.reschedule(asyncio.get_running_loop().time() + CLOSE_SECONDS)
            self._leaving = asyncio.create_task(self._leave(code), name="leave")

    async def _leave(self, code: int) -> None:
        await self._let_go()
        # OSError: the client is gone; RuntimeError: the server has closed already.
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close(code)

    async def _sit_down(self, visitor: Visitor, session_id: UUID) -> None:
        seat = Seat(session_id, visitor.user.id, uuid4().hex)
        hearing = Hearing(str(visitor.user.id), outbox=self.outbox, followers=self.followers, shut=self.shut)
        self._guest = Guest(visitor, seat, hearing)
        entered = await presence().enter(seat)
        if entered.sockets > settings.MAX_SOCKETS_PER_USER:
            raise Refused(Close.TOO_MANY)
        hearing.hold()
        logins().join(visitor.user.id, self)
        await rooms().join(session_id, hearing)
        # Listed after the room is open: what starts now is listed, heard, or both.
        active = await in_database(active_generations)(session_id)
        for generation in active:
            self.followers.leave_silent(UUID(generation.generation_id))
        self.outbox.post(
            ConnectionEstablished(
                session_id=str(session_id),
                user_id=str(visitor.user.id),
                connection_id=seat.connection_id,
                active_generations=active,
            )
        )
        await self._introduce(entered.others)
        hearing.release()
        if entered.is_first:
            self._ring(UserJoined(user_id=str(visitor.user.id), username=visitor.user.username))

    async def _introduce(self, people: Collection[UUID]) -> None:
        """Tell of those who were here before."""
        names = await in_database(names_of)(people) if people else {}
        for user_id, name in names.items():
            self.outbox.post(UserJoined(user_id=str(user_id), username=name))

    async def _let_go(self) -> None:
        """Leave the room and the seat; again is harmless."""
        self.followers.stop()
        self.typing.stop()
        self.outbox.close()
        if guest := self._guest:
            rooms().leave(guest.seat.session_id, guest.hearing)
            logins().leave(guest.seat.user_id, self)
            if await presence().leave(guest.seat):
                self._ring(UserLeft(user_id=str(guest.seat.user_id), username=guest.visitor.user.username))

    # ---- what the client says

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._is_shut:
            return
        if text_data is None:
            await self._refuse(None, NOT_TEXT if self._bucket.take() else TOO_FAST)
        elif len(text_data) > MAX_FRAME_BYTES or len(text_data.encode()) > MAX_FRAME_BYTES:
            self.shut(TOO_BIG)
        else:
            await self._read(text_data)

    async def _read(self, text: str) -> None:
        # The bucket comes first, so that a flood costs a parse and nothing else.
        allowed = self._bucket.take()
        try:
            command = read_command(text)
        except BadFrame as bad:
            await self._refuse(bad.request_id, bad.error if allowed else TOO_FAST)
            return
        request_id = getattr(command, "request_id", None)
        begin_request(request_id or "")
        if not allowed:
            await self._refuse(request_id, TOO_FAST)
            return
        try:
            await self._execute(command)
        except LoggedOut:
            self.shut(Close.NOT_LOGGED_IN)
        except (ServiceError, OperationalError) as error:
            await self._refuse(request_id, refusal_of(error, self.outbox.language))
        except Exception:  # the edge of the socket: it stays open
            logger.exception("a %s failed", type(command).__name__)
            await self._refuse(request_id, OUR_FAULT)

    async def _execute(self, command: ClientCommand) -> None:
        guest = self._guest
        if guest is None:
            return
        count_command(command)
        session_id = guest.seat.session_id
        match command:
            case Ping():
                await self.outbox.reply(Pong())
            case TypingStart():
                self.typing.start()
            case TypingStop():
                self.typing.stop()
            case Resume():
                resumable = in_database(find_resumable)
                found = await resumable(command, visitor=guest.visitor, session_id=session_id)
                self.followers.resume(found.id, after_seq=min(command.after_seq, MAX_SEQ))
            case _:
                await self._write(command, guest)

    async def _write(self, command: Any, guest: Guest) -> None:
        guest.hearing.hold()  # the answer comes before what the session hears of it
        try:
            session_id = guest.seat.session_id
            done = await in_database(perform)(command, visitor=guest.visitor, session_id=session_id)
            await self.outbox.reply(done.ack)
            if done.turn is not None:
                self.typing.stop()
                guest.hearing.tell_turn(done.turn)
        finally:
            guest.hearing.release()

    async def _refuse(self, request_id: str | None, error: CommandError) -> None:
        await self.outbox.reply(ErrorEvent(request_id=request_id, error=error))

    # ---- what others hear

    def check_login(self) -> None:
        """Close if the login has ended; never waits."""
        self._checking = asyncio.create_task(self._check_login(), name="check login")

    async def _check_login(self) -> None:
        if self._guest is not None and not await in_database(self._guest.visitor.is_logged_in)():
            self.shut(Close.NOT_LOGGED_IN)

    def _tell_typing(self, is_typing: bool) -> None:
        if self._guest is not None:
            user = self._guest.visitor.user
            self._ring(TypingIndicator(user_id=str(user.id), username=user.username, is_typing=is_typing))

    def _ring(self, event: SessionEvent) -> None:
        if self._guest is not None:
            publish(session_group(self._guest.seat.session_id), Doorbell(events=[event]))


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused(Close.NO_SUCH_SESSION) from error

"""One group of the channel layer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec
from channels.layers import get_channel_layer

from chat.realtime.protocol.doorbells import Doorbell, decode_doorbell

logger = logging.getLogger(__name__)

READY_SECONDS = 2.0
RETRY_SECONDS = 1.0


class Subscription:
    """Calls `ring` with every doorbell of a group, from `start` until `stop`, across Redis outages."""

    def __init__(self, group: str, ring: Callable[[Doorbell], None]) -> None:
        self.group = group
        self._ring = ring
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Subscribe in the background."""
        self._task = asyncio.create_task(self._run(), name=f"subscription {self.group}")

    async def wait_tried(self) -> None:
        """Wait until subscribed, or until that failed or takes too long: then polling has to do for now."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), READY_SECONDS)

    async def stop(self) -> None:
        """Leave the group."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001  the edge of the task: Redis is away
                logger.warning("cannot listen to %s, trying again: %s", self.group, error)
            self._settled.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        async with get_channel_layer().listening(self.group, self._deliver):
            self._settled.set()
            await asyncio.get_running_loop().create_future()  # until it is stopped

    def _deliver(self, message: dict[str, bytes]) -> None:
        try:
            doorbell = decode_doorbell(message["payload"])
        except msgspec.DecodeError as error:  # a newer server's event
            logger.warning("dropped a doorbell for %s: %s", self.group, error)
            return
        self._ring(doorbell)

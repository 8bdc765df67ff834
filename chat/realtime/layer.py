"""The channel layer, with many sends in one round trip, and listeners that need no channel."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import redis
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from channels_redis.utils import decode_hosts
from redis.backoff import NoBackoff
from redis.retry import Retry

from chat.realtime.redis_clients import REDIS_ERRORS

logger = logging.getLogger(__name__)

SEND_SECONDS = 2.5
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.1
WAIT_SECONDS = 5.0
"""After which a connection that was replaced meanwhile is noticed."""
AWAKE = "awake"
"""A group nobody sends to. A connection that is subscribed to nothing is read only ten times a second, and
who listens first would hear late.
"""


@dataclass(frozen=True)
class _Bell:
    """Stands where the layer has a channel's queue."""

    ring: Callable[[bytes], None]

    def put_nowait(self, message: bytes) -> None:
        self.ring(message)


class _Shard(RedisSingleShardConnection):  # type: ignore[misc]  # channels-redis has no types
    """Sleeps until something is said, where the library looks ten times a second."""

    async def _do_receiving(self) -> None:
        while True:
            if self._pubsub is None or not self._pubsub.subscribed:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=WAIT_SECONDS)
                self._receive_message(message)
            except Exception:  # Redis is away
                logger.exception("doorbells cannot be read, trying again")
                await asyncio.sleep(RETRY_SECONDS)


class PipelinedChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels-redis has no types
    """A flush of many generations rings many groups at the same moment, from a thread. There is one Redis."""

    def _get_layer(self) -> RedisPubSubLoopLayer:
        layer = super()._get_layer()
        if not isinstance(layer._shards[0], _Shard):
            layer._shards = [_Shard(shard.host, layer) for shard in layer._shards]
        return layer

    def send_to_groups(self, sends: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send each message to its group, in order and in one round trip; twice where the connection is lost.

        Without an event loop, which costs a thread several times what it waits for. Raises `RedisError`.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for group, message in sends:
                pipe.publish(self._names._get_group_channel_name(group), self.serialize(message))
            pipe.execute()

    @cached_property
    def _client(self) -> redis.Redis:
        (host,) = decode_hosts(self._kwargs["hosts"])
        options = host | {"socket_timeout": SEND_SECONDS, "socket_connect_timeout": SEND_SECONDS}
        return redis.Redis.from_url(options.pop("address"), retry=Retry(NoBackoff(), 1), **options)

    @cached_property
    def _names(self) -> RedisPubSubLoopLayer:
        return RedisPubSubLoopLayer(**self._kwargs, channel_layer=self)

    @asynccontextmanager
    async def listening(self, group: str, hear: Callable[[dict[str, Any]], None]) -> AsyncIterator[None]:
        """Inside, `hear` is called with every message to the group as it is read; it must not raise."""
        layer = self._get_layer()
        name, channel = uuid.uuid4().hex, layer._get_group_channel_name(group)
        layer.channels[name] = _Bell(lambda message: hear(self.deserialize(message)))
        layer.groups.setdefault(channel, set()).add(name)
        try:
            shard = layer._get_shard(channel)
            await shard.subscribe(layer._get_group_channel_name(AWAKE))
            await shard.subscribe(channel)
            yield
        finally:
            layer.channels.pop(name, None)
            # An error here would hide why it ends, and a task that is cancelled would go on.
            with suppress(*REDIS_ERRORS):
                await layer.group_discard(group, name)

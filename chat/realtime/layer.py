"""The channel layer, with many sends in one round trip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer


class PipelinedChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels-redis has no types
    """A flush of many generations rings many groups at the same moment."""

    async def group_send_many(self, sends: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send each message to its group, in order; a round trip for each Redis, not for each message."""
        layer = self._get_layer()
        by_shard = defaultdict(list)
        for group, message in sends:
            channel = layer._get_group_channel_name(group)
            by_shard[layer._get_shard(channel)].append((channel, self.serialize(message)))
        for shard, messages in by_shard.items():
            async with shard._lock:
                shard._ensure_redis()
                async with shard._redis.pipeline(transaction=False) as pipe:
                    for channel, payload in messages:
                        pipe.publish(channel, payload)
                    await pipe.execute()

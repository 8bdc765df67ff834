"""Rings doorbells on the channel layer, from any thread, without waiting for Redis."""

from __future__ import annotations

from channels.layers import get_channel_layer

from chat.background import BackgroundSender
from chat.realtime.protocol.doorbells import Doorbell, encode_doorbell


def publish(group: str, doorbell: Doorbell) -> None:
    """Tell a group about rows that are committed. A lost doorbell is a delay, not a loss."""
    _sender.put((group, encode_doorbell(doorbell)))


def flush_publisher(timeout: float) -> bool:
    """Wait until every doorbell is out or given up, before a process exits; False on timeout (seconds)."""
    return _sender.flush(timeout)


def _ring(bells: list[tuple[str, bytes]]) -> None:
    sends = ((group, {"type": "doorbell", "payload": payload}) for group, payload in bells)
    get_channel_layer().send_to_groups(sends)


_sender: BackgroundSender[tuple[str, bytes]] = BackgroundSender("doorbells", lambda: _ring)

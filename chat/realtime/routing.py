"""WebSocket routes."""

from __future__ import annotations

from channels.routing import URLRouter
from django.urls import re_path

from chat.realtime.consumers import ChatConsumer, NoSuchPath

websocket_application = URLRouter(
    [
        re_path(r"^api/v1/chat/sessions/(?P<session_id>[^/]+)/websocket/?$", ChatConsumer.as_asgi()),
        re_path(r"", NoSuchPath.as_asgi()),
    ]
)

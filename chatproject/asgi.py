"""HTTP and WebSocket entry point: `uvicorn chatproject.asgi:application`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from django.core.asgi import get_asgi_application

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402  needs the app registry

from chat.api.bodies import BodyLimit  # noqa: E402
from chat.api.handler import Entrance  # noqa: E402
from chat.realtime.routing import websocket_application  # noqa: E402
from chatproject import urls  # noqa: E402, F401  all pages are loaded before the first is asked for
from chatproject.memory import keep_loaded  # noqa: E402
from chatproject.threads import KeptThreads  # noqa: E402

pages = cast("ASGI3Application", django_application)
application = ProtocolTypeRouter(
    {"http": KeptThreads(BodyLimit(Entrance(pages))), "websocket": websocket_application}
)
keep_loaded()

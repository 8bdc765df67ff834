"""The typing indicator of one socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

CLEARS_AFTER_SECONDS = 6.0


class TypingNotice:
    """Tells when its user starts and stops typing; without another start it stops by itself."""

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The user types."""
        if self._timer is None:
            self._tell(True)
        else:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(CLEARS_AFTER_SECONDS, self.stop)

    def stop(self) -> None:
        """The user stopped, sent the message, fell silent or left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._tell(False)

"""How uvicorn serves WebSockets here: as its own protocol does, except that nobody can keep one for ever."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class PatientWebSocket(WebSocketsSansIOProtocol):
    """Aborts a connection that is to be closed when its client does not read what is left to send.

    uvicorn's `transport.close()` first sends all of its buffer, however long that takes.
    """

    async def run_asgi(self) -> None:
        """Run the application, and see to it that the connection ends after it."""
        await super().run_asgi()
        self._abort_soon()

    def keepalive_timeout(self) -> None:
        """Close because no pong came, and see to it that the application hears of it."""
        super().keepalive_timeout()
        self._abort_soon()

    def _abort_soon(self) -> None:
        if self in self.connections:
            self.loop.call_later(self.close_timeout, self.transport.abort)

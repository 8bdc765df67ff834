"""A network between a process and a service that can be cut: what is sent meanwhile arrives in the end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

PIECE = 1 << 16


class Proxy:
    """Listens on loopback and passes every connection on to what `connect` reaches."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._whole = threading.Event()
        self._whole.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._whole.clear()

    def mend(self) -> None:
        """Everything passes, with what was held up."""
        self._whole.set()

    def close(self) -> None:
        """End every connection."""
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self.mend()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                self._whole.wait()
                far = self._connect()
            except OSError:
                return
            self._sockets += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                self._whole.wait()
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def start_proxy(connect: Callable[[], socket.socket]) -> Iterator[Proxy]:
    """A proxy that is gone at the end."""
    proxy = Proxy(connect)
    try:
        yield proxy
    finally:
        proxy.close()

"""One engine process, from the outside."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from inference.config import EngineConfig
from inference.process.framing import Command, FrameWriter, Load, Report, read_reports

ROOT = Path(__file__).resolve().parents[2]
"""Where the child finds the same `inference` package as its parent, wherever that was started."""


class EngineProcess:
    """A started child that is loading, or has loaded, the configured model."""

    def __init__(self, config: EngineConfig) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in the worker's terminal is the worker's business.
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", "inference.process.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=ROOT,
            )
        self._writer = FrameWriter(self._connection)
        self.send(Load(config))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, command: Command) -> None:
        """Queue a command; never waits."""
        self._writer.send(command)

    def reports(self) -> Iterator[Report]:
        """What the child says, until it is gone."""
        with self._connection.makefile("rb") as source:
            yield from read_reports(source)

    def hang_up(self) -> None:
        """Ask the child to leave; `reports` ends."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End the child at once; `reports` ends."""
        self._process.kill()

    def reap(self, timeout_s: float) -> str:
        """Wait for the end, by force after the timeout; says how the child ended."""
        self.hang_up()
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        self._writer.close(timeout_s)
        self._connection.close()
        return f"exit status {status}" if status >= 0 else signal.Signals(-status).name

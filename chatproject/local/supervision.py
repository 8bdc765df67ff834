"""Running the programs under supervisord, and noticing when that fails for good."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import IO, Any, cast

from supervisor.xmlrpc import SupervisorTransport

from chatproject.local import processes
from chatproject.local.checks import CannotStart
from chatproject.local.deployment import Deployment
from chatproject.local.programs import write_configuration

USER = "parley"
STOP_WITHIN = 45.0
READY_POLL = 0.2
STOP_POLL = 0.1
WATCH_POLL = 1.0


class Supervision:
    """The supervisor process of one deployment and its state."""

    def __init__(self, process: subprocess.Popen[bytes], socket: str, password: str) -> None:
        self._process = process
        self._socket = socket
        self._password = password

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`; raises `CannotStart` when a program cannot be kept running before that."""
        while not condition():
            self._check()
            time.sleep(READY_POLL)

    def watch(self) -> None:
        """Return never; raises `CannotStart` when a program cannot be kept running."""
        while True:
            self._check()
            processes.reap_orphans(except_pid=self._process.pid)
            time.sleep(WATCH_POLL)

    def _check(self) -> None:
        if self._process.poll() is not None:
            raise CannotStart(
                "The supervisor ended unexpectedly (see DATA_DIR/run/supervisord.err): everything is stopped."
            )
        failed = [program["name"] for program in self._programs() if program["statename"] == "FATAL"]
        if failed:
            raise CannotStart(
                f"{', '.join(failed)} ended again and again: everything is stopped, the reason is above "
                "(Redis: in DATA_DIR/redis/redis.log)."
            )

    def _programs(self) -> list[dict[str, Any]]:
        # A transport of its own for each call: one that once failed to connect never recovers.
        transport = SupervisorTransport(USER, self._password, serverurl=f"unix://{self._socket}")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
        except (OSError, HTTPException, xmlrpc.client.Error):
            return []  # not listening yet, or already stopping

    def stop(self) -> None:
        """Stop every program in order, then the supervisor; nothing is left behind."""
        if self._process.poll() is None:
            self._process.terminate()
            deadline = time.monotonic() + STOP_WITHIN
            while self._process.poll() is None and time.monotonic() < deadline:
                self._programs()  # asked, it looks at its programs at once; else every second
                time.sleep(STOP_POLL)
        processes.end_descendants(timeout=5)


@contextlib.contextmanager
def supervise(deployment: Deployment, *, lock: int) -> Iterator[Supervision]:
    """Start every program; on leaving, all of them have ended.

    The supervisor holds `lock` too, so that nobody takes DATA_DIR over while it still stops its programs
    after this process was killed.
    """
    password = secrets.token_urlsafe(24)
    configuration = write_configuration(deployment, password=password)
    processes.adopt_orphans()
    # Not a pipe: the supervisor must be able to complain, and go on stopping, when we were killed.
    complaints = (deployment.run_dir / "supervisord.err").open("wb")
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env=os.environ | {"DATA_DIR": str(deployment.data_dir), "PYTHONUNBUFFERED": "1"},
        pass_fds=[lock],
        start_new_session=True,  # Ctrl-C reaches us alone: we stop the programs in order
        preexec_fn=processes.end_with_parent,
    )
    supervision = Supervision(process, str(deployment.run_dir / "s"), password)
    output = threading.Thread(target=_forward, args=(cast(IO[bytes], process.stdout),), daemon=True)
    output.start()
    try:
        yield supervision
    finally:
        supervision.stop()
        output.join(2)


def _forward(stream: IO[bytes]) -> None:
    """Pass the programs' output on, line by line; keeps reading when nobody listens any more."""
    for line in stream:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

"""Keeps one engine process running: another one when it dies, later and later, and in the end none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from inference.config import EngineConfig
from inference.process.framing import Command, LoadFailed, Pulse, Ready, Report
from inference.process.health import Health
from inference.process.spawn import EngineProcess
from inference.types.engines import EngineInfo, Gauges, Totals
from inference.types.errors import InferenceError, Reason, engine_stopped

logger = logging.getLogger(__name__)

LEAVE_S = 6.0
MAX_FAILED_LOADS = 5
CALM_S = 60.0
LONGEST_PAUSE_S = 10.0


class Listener(Protocol):
    """Hears everything on the supervisor's one thread."""

    def heard(self, report: Report) -> None:
        """The child said something."""

    def crashed(self) -> None:
        """The child is gone; another one will be ready later."""

    def gone(self) -> None:
        """There will be no other child."""


class Backoff:
    """How long to wait before the next start: not at all after the first crash in a minute, then doubling."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes: list[float] = []

    def next_pause(self) -> float:
        """Note a crash; returns seconds."""
        now = self._clock()
        self._crashes = [crash for crash in self._crashes if now - crash < CALM_S]
        self._crashes.append(now)
        earlier = len(self._crashes) - 1
        return min(LONGEST_PAUSE_S, 0.125 * 2**earlier) if earlier else 0.0


class Supervisor:
    """Starts the child, follows what it says, and replaces it. `start` once, `close` once."""

    def __init__(self, config: EngineConfig, listener: Listener) -> None:
        self.health = Health()
        self.gauges = Gauges()
        self.totals = Totals()
        self._config = config
        self._listener = listener
        self._process: EngineProcess | None = None
        self._first: Future[EngineInfo] = Future()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"engine-{config.model}", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether there is, or will soon be, a child."""
        return self._thread.is_alive()

    @property
    def pid(self) -> int | None:
        """The current child's process id."""
        return self._process.pid if self._process else None

    def start(self, timeout_s: float) -> EngineInfo:
        """Start the first child and wait until it is ready. Raises `InferenceError` when it never is, also
        because of a `close` meanwhile.
        """
        self._process = EngineProcess(self._config)
        self._thread.start()
        if self._closing.is_set():  # before there was a process to hang up on
            self._process.hang_up()
        try:
            return self._first.result(timeout_s)
        except TimeoutError:
            message = Reason(
                "The model was not loaded within %(seconds)s seconds.", {"seconds": f"{timeout_s:g}"}
            )
            raise InferenceError("model_load_timeout", message) from None

    def send(self, command: Command) -> None:
        """Tell the current child. If it is dying the command is lost with it."""
        if self._process is not None:
            self._process.send(command)

    def kill(self) -> None:
        """End a child that hangs; the next one follows."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Let the child leave, by force after a few seconds."""
        self._closing.set()
        if self._process is not None:
            self._process.hang_up()
        if self._thread.is_alive():
            self._thread.join(2 * LEAVE_S)

    def _run(self) -> None:
        try:
            self._keep_running()
        finally:
            self._refuse(engine_stopped())
            self._listener.gone()

    def _keep_running(self) -> None:
        backoff, failed_loads = Backoff(), 0
        while self._process is not None:
            ready = self._follow(self._process)
            ending = self._process.reap(LEAVE_S)
            failed_loads = 0 if ready else failed_loads + 1
            if self._closing.is_set() or not self._may_restart(ending, failed_loads):
                return
            self._listener.crashed()
            if self._closing.wait(backoff.next_pause()):
                return
            self.health.reset()
            self._process = EngineProcess(self._config)

    def _follow(self, process: EngineProcess) -> bool:
        """Pass on what a child says until it ends; whether it ever was ready."""
        ready = False
        for report in process.reports():
            if isinstance(report, Pulse):
                self.health.observe(report)
                self.gauges, self.totals = report.gauges, report.totals
            elif isinstance(report, LoadFailed):
                logger.error("%s: %s", self._config.model, report.message)
                self._refuse(InferenceError(report.code, report.message))
            else:
                self._listener.heard(report)
                if isinstance(report, Ready):
                    ready = True
                    self._accept(report.info)
        return ready

    def _may_restart(self, ending: str, failed_loads: int) -> bool:
        message = Reason("The engine process ended while loading the model (%(how)s).", {"how": ending})
        self._refuse(InferenceError("model_load_failed", message))
        if self._first.exception() is not None:
            return False
        logger.error("the engine process of %s ended: %s", self._config.model, ending)
        return failed_loads < MAX_FAILED_LOADS

    def _accept(self, info: EngineInfo) -> None:
        if not self._first.done():
            self._first.set_result(info)

    def _refuse(self, error: InferenceError) -> None:
        if not self._first.done():
            self._first.set_exception(error)

"""The engine's process: `python -m inference.process.child FD`, started by `spawn` and told what to do by it.

The main thread loads the model and runs the engine's loop. One thread reads commands, one writes what the
parent has no room for, one reports a pulse, two keep the beats in which requests speak, and a few prepare
prompts and wait for embeddings. The process leaves when its parent hangs up.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

from inference.backends import load_backend
from inference.backends.base import Backend
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.niceness import give_way
from inference.process.answering import Answerer
from inference.process.framing import (
    Acknowledge,
    Call,
    Cancel,
    Command,
    Embed,
    FrameWriter,
    GiveUp,
    Load,
    LoadFailed,
    Prepare,
    Pulse,
    Ready,
    Said,
    Submit,
    read_commands,
)
from inference.process.gathering import BEAT_S, LONG_BEAT_S, Gathering
from inference.process.lanes import Lanes
from inference.tally import Tally
from inference.types.engines import EngineInfo, Gauges
from inference.types.errors import InferenceError, Reason
from inference.types.events import EngineEvent

logger = logging.getLogger(__name__)

PULSE_S = 0.5
LEAVE_S = 5.0
"""How long the loop may take to end after the parent has hung up."""


class EngineHost:
    """Runs one engine for the process at the other end of `connection`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._writer = FrameWriter(connection)
        self._hung_up = threading.Event()
        self._left = threading.Event()
        self._loads: SimpleQueue[EngineConfig | None] = SimpleQueue()
        self._lanes: Lanes | None = None
        self._engine: Engine | None = None
        self._tally = Tally()
        self._answerer: Answerer | None = None
        self._read_along = Gathering(self._tell)
        self._unheard = Gathering(self._tell)

    def run(self) -> int:
        """Load, serve until the parent hangs up, leave; returns the exit status."""
        self._start(self._read)
        self._start(self._report_pulse)
        self._read_along.keep_time(BEAT_S)
        self._unheard.keep_time(LONG_BEAT_S)
        config = self._loads.get()
        status = 0
        if config is not None:
            status = self._serve(config)
        self._left.set()
        self._writer.close(LEAVE_S)
        return status

    def _serve(self, config: EngineConfig) -> int:
        try:
            backend = load_backend(config)
        except InferenceError as error:
            self._writer.send(LoadFailed(error.code, error.reason or error.message))
            return 1
        except Exception as error:
            logger.exception("loading %s failed", config.model)
            why = Reason("The model could not be loaded: %(error)s.", {"error": str(error)})
            self._writer.send(LoadFailed("model_load_failed", why))
            return 1
        engine = self._engine = Engine(backend, config, flow_control=True, listener=self._tally)
        self._answerer = Answerer(backend, engine, self._tally)
        self._lanes = Lanes(self._answerer.answer, self._writer.send)
        self._writer.send(Ready(_describe(backend, config)))
        engine.run(self._hung_up)
        engine.close()
        return 0

    def _read(self) -> None:
        with self._connection.makefile("rb") as source:
            for command in read_commands(source):
                self._obey(command)
        self._hung_up.set()
        if self._engine is not None:
            self._engine.wake()
        self._loads.put(None)
        if not self._left.wait(LEAVE_S):  # stuck in native code, and nobody is interested any more
            os._exit(1)

    def _obey(self, command: Command) -> None:
        if isinstance(command, Load):
            self._loads.put(command.config)
        elif isinstance(command, Prepare | Embed | GiveUp):
            if self._lanes is not None and self._answerer is not None:
                self._choose(self._lanes, self._answerer, command)
        elif self._engine is not None:
            self._steer(self._engine, command)

    def _steer(self, engine: Engine, command: Submit | Cancel | Acknowledge) -> None:
        if isinstance(command, Submit):
            for request in command.requests:
                engine.submit(request, self._unheard if request.gathers else self._read_along)
        elif isinstance(command, Cancel):
            engine.cancel(command.request_id)
        else:
            engine.acknowledge(command.request_id, command.tokens)

    def _choose(self, lanes: Lanes, answerer: Answerer, command: Call | GiveUp) -> None:
        if isinstance(command, GiveUp):
            lanes.give_up(command.call_id)
            answerer.give_up(command.call_id)
        else:
            lanes.put(command)

    def _tell(self, events: list[EngineEvent]) -> None:
        self._writer.send(Said(events))

    def _report_pulse(self) -> None:
        while not self._hung_up.wait(PULSE_S):
            engine = self._engine
            if engine is None:
                self._writer.send(Pulse("loading", Gauges()))
            else:
                self._writer.send(Pulse(engine.phase, engine.gauges(), self._tally.totals()))

    def _start(self, target: Callable[[], None]) -> None:
        threading.Thread(target=target, daemon=True).start()


def _describe(backend: Backend, config: EngineConfig) -> EngineInfo:
    return EngineInfo(
        model=config.model,
        digest=backend.digest,
        backend=config.backend,
        device=backend.device,
        slots=config.slots,
        n_ctx=backend.n_ctx,
        n_vocab=backend.n_vocab,
    )


def main(arguments: list[str]) -> int:
    """Serve on the inherited socket. Signals meant for the worker's terminal are not for us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    give_way()
    with socket.socket(fileno=int(arguments[0])) as connection:
        return EngineHost(connection).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

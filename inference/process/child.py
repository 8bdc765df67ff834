"""The engine's process: `python -m inference.process.child FD`, started by `spawn` and told what to do by it.

The main thread loads the model and runs the engine's loop. One thread reads commands, one writes frames, one
reports a pulse, and a few prepare prompts and wait for embeddings. The process leaves when its parent hangs
up.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from queue import SimpleQueue

from inference.backends import load_backend
from inference.backends.base import Backend
from inference.config import EngineConfig
from inference.engine.embedding import EmbeddingJob
from inference.engine.engine import Engine
from inference.process.framing import (
    Acknowledge,
    Answer,
    Call,
    Cancel,
    Command,
    Embed,
    Embedded,
    FrameWriter,
    GiveUp,
    Load,
    LoadFailed,
    Prepare,
    Prepared,
    Pulse,
    Ready,
    Refused,
    Submit,
    read_commands,
)
from inference.process.lanes import Lanes
from inference.prompt import PromptMaker
from inference.tally import Tally
from inference.telemetry import Listener
from inference.types.embeddings import Embeddings
from inference.types.engines import EngineInfo, Gauges
from inference.types.errors import InferenceError

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
        self._calls: Calls | None = None

    def run(self) -> int:
        """Load, serve until the parent hangs up, leave; returns the exit status."""
        self._start(self._read)
        self._start(self._report_pulse)
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
            self._writer.send(LoadFailed(error.code, error.message))
            return 1
        except Exception as error:
            logger.exception("loading %s failed", config.model)
            self._writer.send(LoadFailed("model_load_failed", f"The model could not be loaded: {error}."))
            return 1
        engine = self._engine = Engine(backend, config, flow_control=True, listener=self._tally)
        self._calls = Calls(backend, engine, self._tally)
        self._lanes = Lanes(self._calls.answer, self._writer.send)
        self._writer.send(Ready(_describe(backend, config)))
        engine.run(self._hung_up)
        engine.close()
        return 0

    def _read(self) -> None:
        with self._connection.makefile("rb") as source:
            for command in read_commands(source):
                self._obey(command)
        self._hung_up.set()
        self._loads.put(None)
        if not self._left.wait(LEAVE_S):  # stuck in native code, and nobody is interested any more
            os._exit(1)

    def _obey(self, command: Command) -> None:
        if isinstance(command, Load):
            self._loads.put(command.config)
        elif isinstance(command, Prepare | Embed | GiveUp):
            if self._lanes is not None and self._calls is not None:
                self._choose(self._lanes, self._calls, command)
        elif self._engine is not None:
            self._steer(self._engine, command)

    def _steer(self, engine: Engine, command: Submit | Cancel | Acknowledge) -> None:
        if isinstance(command, Submit):
            engine.submit(command.request, self._writer.send)
        elif isinstance(command, Cancel):
            engine.cancel(command.request_id)
        else:
            engine.acknowledge(command.request_id, command.tokens)

    def _choose(self, lanes: Lanes, calls: Calls, command: Call | GiveUp) -> None:
        if isinstance(command, GiveUp):
            lanes.give_up(command.call_id)
            calls.give_up(command.call_id)
        else:
            lanes.put(command)

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


class Calls:
    """Answers what is asked of a loaded model beside replies. `answer` is called on the lanes' threads."""

    def __init__(self, backend: Backend, engine: Engine, listener: Listener) -> None:
        self._backend = backend
        self._engine = engine
        self._prompts = PromptMaker(backend, backend.n_ctx, listener)
        self._jobs: dict[int, EmbeddingJob] = {}

    def answer(self, command: Call) -> Answer:
        """What came of it; never raises."""
        call_id = command.call_id
        try:
            return self._prepare(command) if isinstance(command, Prepare) else self._embed(command)
        except InferenceError as error:
            return Refused(call_id, error.code, error.message, error.retryable)
        except CancelledError:
            return Refused(call_id, "cancelled", "Nobody waited any more.")
        except Exception:
            logger.exception("a %s failed", type(command).__name__)
            return Refused(call_id, "engine_error", "This could not be turned into the model's tokens.")

    def give_up(self, call_id: int) -> None:
        """Do not compute what nobody waits for."""
        if job := self._jobs.get(call_id):
            job.vectors.cancel()

    def _prepare(self, command: Prepare) -> Prepared:
        prompt = self._prompts.prepare(
            command.messages, command.template, command.policy, command.tools, command.written
        )
        return Prepared(command.call_id, prompt)

    def _embed(self, command: Embed) -> Embedded:
        tokenize = self._backend.tokenize_input
        inputs = [tokenize(each) if isinstance(each, str) else each for each in command.inputs]
        job = self._jobs[command.call_id] = EmbeddingJob(inputs, first=command.first)
        try:
            self._engine.embed(job)
            embeddings = Embeddings(vectors=job.vectors.result(), tokens=sum(map(len, inputs)))
        finally:
            del self._jobs[command.call_id]
        return Embedded(command.call_id, embeddings)


def main(arguments: list[str]) -> int:
    """Serve on the inherited socket. Signals meant for the worker's terminal are not for us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with socket.socket(fileno=int(arguments[0])) as connection:
        return EngineHost(connection).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

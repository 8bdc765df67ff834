"""One worker: engine, flusher, claimer and heartbeat; started before Celery, drained on SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import threading
from uuid import UUID

from chat.models import WorkerStatus
from chat.queue import flush_queue, queues_of
from chat.realtime.publisher import flush_publisher
from chat.services.generations import ClaimedGeneration, pass_on, release_orphans
from inference.process import EngineClient
from inference.types import EngineInfo, InferenceError
from workers.claimer import Claimer
from workers.config import WorkerConfig
from workers.database import reconnect
from workers.embeddings import EmbeddingDesk
from workers.flusher import Flusher
from workers.generation import GenerationRun
from workers.heartbeat import Heartbeat, WorkerState

logger = logging.getLogger(__name__)

LEAVE_S = 10.0
FAREWELL_S = 2.0


class WorkerRuntime:
    """`start`, then hints, then `drain` and `close`. Needs the database; Redis only to be quicker."""

    def __init__(self, config: WorkerConfig) -> None:
        first = config.engines[0]
        self.has_failed = False
        self._config = config
        self._state = WorkerState(name=config.name, device=first.device, slots=first.slots)
        self._engine: EngineClient | None = None
        self._flusher: Flusher | None = None
        self._claimer: Claimer | None = None
        self._desk: EmbeddingDesk | None = None
        self._heartbeat = Heartbeat(
            self._state, busy=self._busy, look_after=self._look_after, is_current=self._is_current
        )
        self._digest = ""

    def start(self) -> EngineInfo:
        """Load the model and begin to claim. Raises `InferenceError` when no engine can be had."""
        self._heartbeat.start()
        orphans = release_orphans(worker=self._config.name)
        if orphans:
            logger.warning("%s was lost with %d generations: they go on", self._config.name, orphans)
        engine, info = self._start_engine()
        self._digest = info.digest
        self._engine = engine
        self._flusher = Flusher(self._config.name, engine)
        self._claimer = Claimer(
            worker=self._config.name,
            models=[info.model],
            slots=info.slots,
            run=self._run,
            may_claim=self._is_current,
        )
        self._flusher.start()
        self._claimer.start()
        self._desk = EmbeddingDesk(
            models=lambda: [info.model], embed=lambda call: engine.embed(call.inputs, first=call.first)
        )
        self._desk.start()
        self._state.device, self._state.slots = info.device, info.slots
        self._state.loaded_models = [info.model]
        self._heartbeat.change(WorkerStatus.READY)
        logger.info("%s is ready: %s on %s, %d slots", self._config.name, info.model, info.device, info.slots)
        return info

    @property
    def queues(self) -> list[str]:
        """The Celery queues whose hints are for this worker."""
        state = self._state
        return queues_of(worker=state.name, models=state.loaded_models, device=state.device)

    def hint(self, generation_id: UUID) -> None:
        """A row may be ready: claim the fairest and run it, or let another worker know."""
        if self._claimer is None or not self._claimer.hint():
            pass_on(generation_id=generation_id, worker=self._config.name)

    def drain(self) -> None:
        """Claim nothing more and hand what runs back. Returns at once: signal handlers call it."""
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def close(self) -> None:
        """Drain, let the engine leave, and say goodbye."""
        self._drain()
        if self._flusher is not None and not self._flusher.close(LEAVE_S):
            logger.error(
                "%s could not hand its generations back: their leases will expire", self._config.name
            )
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        if self._desk is not None:
            self._desk.close(LEAVE_S)
        self._heartbeat.close(LEAVE_S)
        flush_publisher(FAREWELL_S)
        flush_queue(FAREWELL_S)

    def _drain(self) -> None:
        if self._claimer is not None:
            self._claimer.close()
        if self._desk is not None:
            self._desk.drain()
        if self._flusher is not None:
            self._flusher.drain()
        self._heartbeat.change(WorkerStatus.DRAINING)

    def _start_engine(self) -> tuple[EngineClient, EngineInfo]:
        *others, last = self._config.engines
        for config in others:
            engine = EngineClient(config)
            try:
                return engine, engine.start()
            except InferenceError as error:
                logger.warning("no engine on %s (%s), trying the next", config.device, error.message)
        engine = EngineClient(last)
        return engine, engine.start()

    def _run(self, claimed: ClaimedGeneration) -> None:
        if self._engine is None or self._flusher is None:
            return
        run = GenerationRun(claimed, self._engine, self._digest, self._flusher.wake)
        logger.info("%s starts on %s", run, self._config.name)
        self._flusher.add(run)
        run.start()
        reconnect()  # the wait is long: do not hold a connection
        run.wait()

    def _busy(self) -> int:
        return self._flusher.busy if self._flusher is not None else 0

    def _is_current(self) -> bool:
        return self._flusher is not None and self._flusher.is_current

    def _look_after(self) -> None:
        """Kill an engine that hangs; leave when there is none any more."""
        engine = self._engine
        if engine is None or self.has_failed:
            return
        if not engine.is_alive:
            logger.error("%s has no engine any more and leaves", self._config.name)
            self.has_failed = True
            os.kill(os.getpid(), signal.SIGTERM)
        elif engine.is_overdue:
            logger.error("the engine of %s hangs and is killed", self._config.name)
            engine.kill()

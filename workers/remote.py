"""The remote models of a worker process: many streams in one engine, and a name among the workers."""

from __future__ import annotations

import logging
import threading
from uuid import UUID

from django.db import connections

from chat.models import WorkerStatus
from chat.queue import queues_of
from chat.selectors.providers import remote_models
from chat.services.generations import ClaimedGeneration, claim_streams, release_orphans
from inference.remote import RemoteEngine
from workers.aftercare import care_for
from workers.claimer import Claimer
from workers.database import OUTAGE, reconnect
from workers.flusher import Flusher
from workers.generation import GenerationRun
from workers.heartbeat import Heartbeat, WorkerState
from workers.providers import ProviderDirectory

logger = logging.getLogger(__name__)

DEVICE = "remote"
DIGEST = "remote"
"""Whoever serves a model: what was said is text, and text can be continued by another."""

LOOK_S = 2.0
LEAVE_S = 10.0
FAREWELL_S = 2.0


class RemoteRuntime:
    """Claims the generations of remote models, as many as `streams` at once, without a thread for each.

    It registers as a worker of the device class `remote` as soon as an enabled provider serves anything, and
    follows what providers serve while it runs.
    """

    def __init__(self, *, name: str, streams: int) -> None:
        self._state = WorkerState(name=name, device=DEVICE, slots=streams)
        self._directory = ProviderDirectory()
        self._engine = RemoteEngine(self._directory)
        self._flusher = Flusher(name, care_for)
        self._claimer = Claimer(
            worker=name,
            models=lambda: self._state.models,
            slots=streams,
            begin=self._begin,
            may_claim=lambda: self._flusher.is_current,
            find=claim_streams,
        )
        self._heartbeat = Heartbeat(
            self._state,
            busy=lambda: self._flusher.busy,
            look_after=self._look,
            is_current=lambda: self._flusher.is_current,
        )
        self._registered = False
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="remote models' watcher", daemon=True)

    def start(self) -> None:
        """Begin to look for providers. Raises `WorkerNameTakenError` where some serve models already."""
        self._engine.start()
        self._flusher.start()
        self._look()
        self._register()
        self._watcher.start()

    @property
    def queues(self) -> list[str]:
        """The Celery queues whose hints are for this worker: one for all remote models."""
        return queues_of(worker=self._state.name, models=[DEVICE], device=DEVICE)

    def hint(self, generation_id: UUID) -> None:
        """A row may be ready: look at once."""
        self._claimer.wake()

    def fill(self) -> None:
        """Nothing to do: batch jobs run on models of our own."""

    def drain(self) -> None:
        """Claim nothing more and hand back what can move. Returns at once: signal handlers call it."""
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def close(self) -> None:
        """Drain, hang up, and say goodbye."""
        self._closed.set()
        self._drain()
        self._claimer.join(FAREWELL_S)
        if not self._flusher.close(LEAVE_S):
            logger.error("%s could not hand its generations back: their leases will expire", self._state.name)
        self._directory.close()
        self._engine.close()
        if self._registered:
            self._heartbeat.close(LEAVE_S)

    def _drain(self) -> None:
        self._claimer.close()
        self._flusher.drain()
        if self._registered:
            self._heartbeat.change(WorkerStatus.DRAINING)

    def _watch(self) -> None:
        """Until there is something to serve; from then on the heartbeat looks."""
        while not self._registered and not self._closed.wait(LOOK_S):
            try:
                self._look()
                self._register()
            except OUTAGE:
                reconnect()
            except Exception:
                logger.exception("%s cannot register", self._state.name)
        connections.close_all()

    def _look(self) -> None:
        models = remote_models()
        if models != self._state.models:
            logger.info("%s serves %s", self._state.name, ", ".join(models) or "nothing")
            self._state.models = self._state.loaded_models = models
            self._claimer.wake()

    def _register(self) -> None:
        if self._registered or not self._state.models:
            return
        self._heartbeat.start()
        self._registered = True
        orphans = release_orphans(worker=self._state.name)
        if orphans:
            logger.warning("%s was lost with %d generations: they go on", self._state.name, orphans)
        self._claimer.start()  # only now: what it runs is no orphan
        self._heartbeat.change(WorkerStatus.READY)

    def _begin(self, claimed: ClaimedGeneration) -> None:
        run = GenerationRun(claimed, self._flusher.hear, self._claimer.free)
        with run.logged():
            logger.info("%s starts on %s", run, self._state.name)
            self._flusher.add(run)
            run.start(self._engine, DIGEST)

"""One worker: engines, flusher, claimer and heartbeat; started before Celery, drained on SIGTERM."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from chat.api.openai.lines import read_body
from chat.embedding_calls import EmbeddingCall
from chat.models import WorkerStatus
from chat.queue import flush_queue, queues_of
from chat.realtime.publisher import flush_publisher
from chat.services.batches import release_orphan_lines
from chat.services.generations import (
    ClaimedGeneration,
    Head,
    claim_generations,
    pass_on,
    release_orphans,
    waiting_heads,
)
from inference.types.embeddings import Embeddings
from inference.types.engines import EngineInfo
from inference.types.errors import InferenceError
from workers.aftercare import care_for
from workers.batch import Filler
from workers.claimer import Claimer
from workers.config import WorkerConfig, capabilities_of
from workers.database import OUTAGE, reconnect
from workers.embeddings import EmbeddingDesk
from workers.engines import EnginePool
from workers.flusher import Flusher
from workers.generation import BROKEN, GenerationRun
from workers.heartbeat import Heartbeat, WorkerState
from workers.seat import Seat

logger = logging.getLogger(__name__)

LEAVE_S = 10.0
FAREWELL_S = 2.0
STARTERS = 4
"""For each slot: who is cancelled has left it, but waits until a model is loaded or the prompt is read."""
RETRY_S = 2.0
"""How soon a model that could not be loaded is tried again; then later and later."""
LONGEST_RETRY_S = 60.0


class WorkerRuntime:
    """`start`, then hints, then `drain` and `close`. Needs the database; Redis only to be quicker."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._state = WorkerState(
            name=config.name, device=config.device, slots=config.slots, budget=config.budget
        )
        self._engines = EnginePool(config)
        self._flusher = Flusher(config.name, care_for)
        self._claimer = Claimer(
            worker=config.name,
            models=lambda: self._engines.models_to_claim(self._find_heads),
            slots=config.slots,
            begin=self._begin,
            may_claim=lambda: self._flusher.is_current,
            find=self._find,
            pass_on=lambda ids: pass_on(generation_ids=ids, worker=config.name),
        )
        self._starters = ThreadPoolExecutor(STARTERS * config.slots, thread_name_prefix="starter")
        self._filler = Filler(
            worker=config.name,
            engines=self._engines,
            slots=config.slots,
            read_body=read_body,
            chat_busy=lambda: self._flusher.busy,
        )
        self._desk = EmbeddingDesk(models=self._models_for_embeddings, embed=self._embed)
        self._heartbeat = Heartbeat(
            self._state,
            busy=lambda: self._flusher.busy,
            look_after=self._look_after,
            is_current=lambda: self._has_started and self._flusher.is_current,
        )
        self._has_started = False
        self._leaving = threading.Event()
        self._loader: threading.Thread | None = None

    def start(self) -> EngineInfo:
        """Load the first model, however many attempts that takes, and begin to claim.

        Raises `InferenceError` where the name is taken, or when it is to leave before there is an engine.
        """
        self._heartbeat.start()
        self._put_back_orphans()
        info = self._load()
        self._state.device, self._state.slots = info.device, min(self._config.slots, info.slots)
        self._state.capabilities = capabilities_of(info)
        self._has_started = True
        self._flusher.start()
        self._claimer.start()
        self._filler.start()
        self._desk.start()
        self._tell_models()
        self._heartbeat.change(WorkerStatus.READY)
        logger.info("%s is ready: %s on %s, %d slots", self._config.name, info.model, info.device, info.slots)
        return info

    @property
    def queues(self) -> list[str]:
        """The Celery queues whose hints are for this worker."""
        state = self._state
        return queues_of(worker=state.name, models=state.models, device=state.device)

    def hint(self, generation_id: UUID) -> None:
        """A row may be ready: claim the fairest and run it, or let another worker know. Returns at once."""
        self._claimer.hint(generation_id)

    def fill(self) -> None:
        """A batch job may have lines for this worker."""
        self._filler.hint()

    def drain(self) -> None:
        """Claim nothing more and hand what runs back. Returns at once: signal handlers call it."""
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def close(self) -> None:
        """Drain, let the engines leave, and say goodbye."""
        self._drain()
        self._claimer.join(FAREWELL_S)
        if not self._flusher.close(LEAVE_S):
            logger.error(
                "%s could not hand its generations back: their leases will expire", self._config.name
            )
        if not self._filler.close(LEAVE_S):
            logger.error("%s could not put its batch lines back: their leases will expire", self._config.name)
        self._engines.close()
        self._starters.shutdown()
        self._desk.close(LEAVE_S)
        self._heartbeat.close(LEAVE_S)
        flush_publisher(FAREWELL_S)
        flush_queue(FAREWELL_S)

    def _load(self) -> EngineInfo:
        pause = RETRY_S
        while True:
            try:
                return self._engines.start()
            except (InferenceError, *OUTAGE) as error:
                if self._leaving.is_set():
                    raise
                name, model = self._config.name, self._config.first.slug
                logger.error("%s cannot load %s and tries again in %g s: %s", name, model, pause, error)
                self._tell_models()
                self._heartbeat.change(WorkerStatus.FAILING)
                reconnect()
                if self._leaving.wait(pause):
                    raise
            pause = min(2 * pause, LONGEST_RETRY_S)

    def _load_again(self) -> None:
        try:
            self._load()
        except (InferenceError, *OUTAGE):
            return  # it leaves
        finally:
            reconnect()
        self._tell_models()
        if not self._leaving.is_set():
            self._heartbeat.change(WorkerStatus.READY)

    def _drain(self) -> None:
        self._leaving.set()
        self._claimer.close()
        self._desk.drain()
        self._flusher.drain()
        self._filler.drain()
        self._heartbeat.change(WorkerStatus.DRAINING)

    def _put_back_orphans(self) -> None:
        name = self._config.name
        generations, lines = release_orphans(worker=name), release_orphan_lines(worker=name)
        if generations or lines:
            found = f"{generations} generations and {lines} batch lines"
            logger.warning("%s was lost with %s: they go on", name, found)

    def _find(self, *, worker: str, models: Sequence[str], most: int) -> Iterable[ClaimedGeneration]:
        seats = self._engines.count_seats(models)
        return claim_generations(worker=worker, models=models, most=min(most, seats))

    def _begin(self, claimed: ClaimedGeneration) -> None:
        seat = Seat(self._engines, claimed.model, self._claimer.free)
        run = GenerationRun(claimed, self._flusher.hear, seat.leave)
        self._flusher.add(run)
        self._starters.submit(self._carry_out, run, seat)

    def _carry_out(self, run: GenerationRun, seat: Seat) -> None:
        """In a thread of its own: the model may have to be loaded, and a long prompt to be read."""
        with run.logged():
            logger.info("%s starts on %s", run, self._config.name)
            try:
                engine = seat.take()
                run.start(engine.client, engine.info.digest)
            except InferenceError as error:
                run.refuse(error)
            except Exception:
                logger.exception("%s gets no engine", run)
                run.receive(BROKEN)
            finally:
                reconnect()

    def _embed(self, call: EmbeddingCall) -> Embeddings:
        with self._engines.use(call.model) as engine:
            return engine.client.embed(call.inputs, first=call.first)

    def _models_for_embeddings(self) -> list[str]:
        return [slug for slug in self._engines.models_at_hand() if slug not in self._state.withheld]

    def _find_heads(self, models: list[str]) -> dict[str, Head]:
        return waiting_heads(worker=self._config.name, models=models)

    def _tell_models(self) -> None:
        self._state.models = self._engines.offered
        self._state.loaded_models = self._engines.loaded
        self._state.refused_models = self._engines.refused

    def _look_after(self) -> None:
        """Kill engines that hang; begin anew when there is no model left to be loaded."""
        if not self._has_started:
            return
        has_models = self._engines.look_after()
        self._tell_models()
        self._state.figures = self._engines.figures
        if self._leaving.is_set():
            return
        self._state.status = WorkerStatus.READY if has_models else WorkerStatus.FAILING
        if not has_models and (self._loader is None or not self._loader.is_alive()):
            logger.error("%s has no engine any more and begins anew", self._config.name)
            self._loader = threading.Thread(target=self._load_again, name="loading again", daemon=True)
            self._loader.start()

"""One tick, one transaction for all running generations: persist, extend leases, be fenced, hear cancels."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import connections

from chat.models import GenerationChunk
from chat.realtime.protocol.doorbells import Doorbell, generation_group
from chat.realtime.publisher import publish
from chat.services.generations import Flushed, flush_progress, move_generations, release_generations
from workers.database import OUTAGE, reconnect
from workers.generation import GenerationRun

logger = logging.getLogger(__name__)

TICK_S = 0.04
"""How soon after a tick the next one may come: a little sooner than what an engine says next, which so never
waits."""
LOOK_S = 0.1
"""How often cancels are looked for while nobody says anything."""
SHARE = 0.05
"""How much of its time a worker may spend on ticks before they come less often, down to every `LOOK_S`."""
RENEW_S = 0.5
"""How often leases are looked after, of which a quarter of their time may pass before they need it."""
STAY_S = 15.0
"""How long a worker that stops lets replies end that nobody else could continue."""
CURRENT_S = 2.0
"""Half a lease: a flusher further behind than this may be about to lose what it runs."""


class Flusher:
    """Owns the running generations of a worker. `add`, `hear` and `drain` may be called from any thread.

    `when_ended` hears of every end after its commit.
    """

    def __init__(self, worker: str, when_ended: Callable[[UUID], None] = lambda id_: None) -> None:
        self._worker = worker
        self._when_ended = when_ended
        self._runs: dict[UUID, GenerationRun] = {}
        self._lock = threading.Lock()
        self._occupied = threading.Event()
        self._news = threading.Event()
        self._urgent = threading.Event()
        self._draining = False
        self._stays_until = 0.0
        self._stopping = False
        self._in_doubt = False
        self._flushed_at = time.monotonic()
        self._may_tick_at = float("-inf")
        self._renewed_at = float("-inf")
        self._thread = threading.Thread(target=self._loop, name="flusher", daemon=True)

    @property
    def busy(self) -> int:
        """Number of running generations."""
        return len(self._runs)

    @property
    def is_current(self) -> bool:
        """Whether every lease was extended lately. A worker that is not must not take what has expired."""
        return not self._runs or time.monotonic() - self._flushed_at < CURRENT_S

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def add(self, run: GenerationRun) -> None:
        """Take care of a claimed generation from now on."""
        with self._lock:
            if not self._runs:
                self._flushed_at = time.monotonic()  # idle until now, not late
            lost, self._runs[run.id] = self._runs.get(run.id), run
            self._occupied.set()
        if lost is not None:  # taken over from ourselves: its engine had hung
            lost.abandon()

    def hear(self, is_urgent: bool) -> None:
        """Somebody has said something: tick at once, or as soon as ticks may come again."""
        if is_urgent:
            self._urgent.set()
        if not self._news.is_set():
            self._news.set()

    def drain(self) -> None:
        """At the next tick, commit what there is and put every generation back into the queue.

        Those that nobody else could continue may go on for `STAY_S`.
        """
        if not self._draining:
            self._stays_until = time.monotonic() + STAY_S
        self._draining = True
        self.hear(True)

    def close(self, timeout_s: float) -> bool:
        """Drain and stop. False when the database was away for so long that leases have to expire instead."""
        self.drain()
        self._stopping = True
        self._occupied.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s + (0.0 if all(run.can_move for run in self._current()) else STAY_S))
        for run in self._current():
            self._forget(run)
        return not self._thread.is_alive()

    def tick(self) -> None:
        """Commit the progress of all running generations."""
        # The leases of a hanging engine shall expire: somebody else can go on.
        runs = [run for run in self._current() if self._draining or not run.is_stuck]
        if not runs:
            return
        try:
            self._flush_all(runs)
            self._hand_back()
            self._move([run for run in runs if run.is_parked])
        except OUTAGE as error:
            if not self._in_doubt:
                logger.warning("the database is away, %d generations wait: %s", len(runs), error)
            self._in_doubt = True
            reconnect()

    def _loop(self) -> None:
        while not (self._stopping and not self._runs):
            self._occupied.wait()
            if not self._is_due():
                continue
            self._urgent.clear()
            self._news.clear()
            began = time.thread_time()
            try:
                self.tick()
            except Exception:
                logger.exception("a tick failed")
            self._may_tick_at = time.monotonic() + pause_after(time.thread_time() - began)
        connections.close_all()

    def _is_due(self) -> bool:
        """Wait for news, and then until ticks may come again or nobody can wait; without news, for a look."""
        if self._news.wait(LOOK_S):
            self._urgent.wait(max(0.0, self._may_tick_at - time.monotonic()))
            return True
        return time.monotonic() - self._flushed_at >= LOOK_S

    def _flush_all(self, runs: Sequence[GenerationRun]) -> None:
        if self._in_doubt:
            self._settle_doubts(runs)
        began = time.monotonic()
        renews = began - self._renewed_at >= RENEW_S
        try:
            self._flush(runs, renews=renews)
            self._renewed_at = began if renews else self._renewed_at
        except OUTAGE:
            raise
        except Exception:
            logger.exception("a flush of %d generations failed, now one by one", len(runs))
            for run in runs:
                self._flush_alone(run)

    def _flush(self, runs: Sequence[GenerationRun], *, renews: bool = True) -> None:
        drafts = [run.draft() for run in runs]
        flushed = flush_progress(worker=self._worker, updates=drafts, renews=renews)
        self._flushed_at = time.monotonic()
        for run in runs:
            with run.logged():
                self._conclude(run, flushed.get(run.id))

    def _flush_alone(self, run: GenerationRun) -> None:
        try:
            self._flush([run])
        except OUTAGE:
            raise
        except Exception:
            with run.logged():
                logger.exception("%s cannot be written and fails", run)
            run.fail()

    def _conclude(self, run: GenerationRun, flushed: Flushed | None) -> None:
        if flushed is None:
            logger.warning("%s on %s lost its lease", run, self._worker)
            self._forget(run)
            return
        ended = run.commit()
        if flushed.events:
            publish(generation_group(run.id), Doorbell(events=list(flushed.events)))
        if ended:
            self._remove(run)
            self._when_ended(run.id)
        elif flushed.cancel_requested:
            run.cancel()

    def _settle_doubts(self, runs: Sequence[GenerationRun]) -> None:
        """After a broken connection nobody knows whether the commit arrived: look for the chunks.

        An end that arrived needs no look: its row no longer runs, and counts as lost.
        """
        for run in runs:
            draft = run.draft()
            written = GenerationChunk.objects.filter(generation_id=run.id, attempt=run.attempt, seq=draft.seq)
            if draft.has_chunk and draft.outcome is None and written.exists():
                run.commit()
        self._in_doubt = False

    def _hand_back(self) -> None:
        leaving = [run for run in self._current() if run.is_handed_back or self._shall_leave(run)]
        if not leaving:
            return
        released = release_generations(generations=[(run.id, run.attempt) for run in leaving])
        logger.info("%s handed %d generations back", self._worker, len(released))
        for run in leaving:
            self._forget(run)

    def _move(self, parked: Sequence[GenerationRun]) -> None:
        """Their engine has crashed: who has a free slot need not wait for the next one."""
        if not parked:
            return
        pairs = [(run.id, run.attempt) for run in parked]
        moved = move_generations(worker=self._worker, generations=pairs)
        for run in parked:
            if run.id in moved:
                logger.info("%s goes on elsewhere: its engine on %s has crashed", run, self._worker)
                self._forget(run)

    def _shall_leave(self, run: GenerationRun) -> bool:
        return self._draining and (run.can_move or time.monotonic() > self._stays_until)

    def _current(self) -> list[GenerationRun]:
        with self._lock:
            return list(self._runs.values())

    def _forget(self, run: GenerationRun) -> None:
        self._remove(run)
        run.abandon()

    def _remove(self, run: GenerationRun) -> None:
        with self._lock:
            if self._runs.get(run.id) is run:  # the same generation may have been claimed again
                del self._runs[run.id]
                if not self._runs:
                    self._occupied.clear()


def pause_after(took_s: float) -> float:
    """How long to let progress gather after a tick that took so much of the processor's time."""
    return min(LOOK_S, max(TICK_S, took_s / SHARE))

"""Fills spare engine slots with lines of batch jobs, and keeps what they say until it is committed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from chat.log_context import logged_as
from chat.models import EMBEDDINGS
from chat.services.batches import (
    LINE_LEASE,
    LineResult,
    ReadBody,
    checkpoint_lines,
    claim_lines,
    move_lines,
    release_expired_lines,
    release_lines,
    settle_lines,
)
from workers.batch_embedding import EmbeddingRun
from workers.batch_line import BROKEN, LineRun, start_lines
from workers.database import OUTAGE, reconnect
from workers.engines import EnginePool

logger = logging.getLogger(__name__)

RETRY_S = 0.1
GATHER_S = 0.02
"""What ends in the same step of an engine is told within this time."""
LOOK_S = 1.0
CHECKPOINT_S = 2.0
PREPARING_THREADS = 2
EMBEDDING_THREADS = 2
"""While one sends its inputs, another's are computed."""

Run = LineRun | EmbeddingRun


class Filler:
    """Runs as many lines as there are slots that chat leaves free, and a few more that wait in the engine.

    `chat_busy` is how many interactive replies run. Everything but `wake`, `drain` and `close` happens on
    one thread; rows are found without hints, a hint only finds them sooner.
    """

    def __init__(
        self,
        *,
        worker: str,
        engines: EnginePool,
        slots: int,
        read_body: ReadBody,
        chat_busy: Callable[[], int],
    ) -> None:
        self._worker = worker
        self._engines = engines
        self._slots = slots
        # Wait in the engine: lines of one length end together, and no slot shall wait.
        self._waiting = max(2, slots)
        self._ended = 0
        self._read_body = read_body
        self._chat_busy = chat_busy
        self._runs: dict[int, Run] = {}
        self._due = threading.Event()
        self._draining = False
        self._stopping = False
        self._looked_at = self._checked_at = float("-inf")
        self._found = False
        self._preparing = ThreadPoolExecutor(PREPARING_THREADS, thread_name_prefix="batch-prepare")
        self._embedding = ThreadPoolExecutor(EMBEDDING_THREADS, thread_name_prefix="batch-embed")
        self._thread = threading.Thread(target=self._loop, name="filler", daemon=True)

    @property
    def busy(self) -> int:
        """Number of lines under way."""
        return len(self._runs)

    def start(self) -> None:
        """Begin to look for lines."""
        self._thread.start()

    def hint(self) -> None:
        """There may be lines: look at once."""
        self._looked_at = float("-inf")
        self._due.set()

    def note_end(self) -> None:
        """A line has ended: look at once before those that wait in the engine run out. From any thread; one
        that is missed is found by the next tick.
        """
        self._ended += 1
        if self._ended >= min(max(1, self._waiting // 2), len(self._runs)):
            self._due.set()

    def drain(self) -> None:
        """At the next tick, write checkpoints and put every line back."""
        self._draining = True
        self._due.set()

    def close(self, timeout_s: float) -> bool:
        """Drain and stop. False when the database was away for so long that leases have to expire instead."""
        self.drain()
        self._stopping = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        for pool in (self._preparing, self._embedding):
            pool.shutdown(wait=False, cancel_futures=True)
        for run in list(self._runs.values()):
            self._forget(run)
        return not self._thread.is_alive()

    def tick(self) -> None:
        """Commit what has ended, write checkpoints when they are due, and fill what is free."""
        self._ended = 0
        self._settle()
        if self._draining or time.monotonic() - self._checked_at > CHECKPOINT_S:
            self._checkpoint()
        self._hand_back()
        if not self._draining:
            self._fill()

    def _loop(self) -> None:
        while not (self._stopping and not self._runs):
            if self._due.wait(LOOK_S):
                time.sleep(GATHER_S)
            self._due.clear()
            try:
                self.tick()
            except OUTAGE as error:
                logger.warning("the database is away, %d lines wait: %s", len(self._runs), error)
                reconnect()
                time.sleep(RETRY_S)
            except Exception:
                logger.exception("a tick of batch lines failed")
        connections.close_all()

    def _settle(self) -> None:
        """An end that cannot be told to have arrived is told again: the fence lets it in only once."""
        ended = {run.id: result for run in self._runs.values() if (result := run.result()) is not None}
        if not ended:
            return
        kept = self._write(list(ended.values()))
        for line_id in ended:
            run = self._runs.pop(line_id)
            if line_id not in kept:
                with logged_as(line_id=run.id, attempt=run.attempt):
                    logger.info("%s on %s was settled before, or lost", run, self._worker)

    def _write(self, results: list[LineResult]) -> set[int]:
        try:
            return settle_lines(results=results)
        except OUTAGE:
            raise
        except Exception:
            logger.exception("%d ends could not be written, now one by one", len(results))
            return set().union(*(self._write_alone(result) for result in results))

    def _write_alone(self, result: LineResult) -> set[int]:
        try:
            return settle_lines(results=[result])
        except OUTAGE:
            raise
        except Exception:
            with logged_as(line_id=result.line_id, attempt=result.attempt):
                logger.exception("the end of line %s cannot be written and it fails", result.line_id)
            broken = LineResult(line_id=result.line_id, attempt=result.attempt, error=BROKEN)
            return settle_lines(results=[broken])

    def _checkpoint(self) -> None:
        self._checked_at = time.monotonic()
        if self._runs:
            runs = list(self._runs.values())
            held = checkpoint_lines(updates=[run.progress() for run in runs], lease=LINE_LEASE)
            for run in runs:
                if run.id not in held:
                    with logged_as(line_id=run.id, attempt=run.attempt):
                        logger.info("%s on %s is not wanted any more", run, self._worker)
                    self._forget(run)
                elif held[run.id]:
                    run.is_handed_back = True
        if not self._draining:
            self._move()
            release_expired_lines()

    def _hand_back(self) -> None:
        leaving = [run for run in self._runs.values() if self._draining or run.is_leaving]
        if leaving:
            release_lines(lines=[(run.id, run.attempt) for run in leaving])
            for run in leaving:
                self._forget(run)

    def _move(self) -> None:
        """Who waits for a crashed engine to come back may go on at another worker that has the model."""
        parked = {run.id: run for run in self._runs.values() if run.is_parked}
        if not parked:
            return
        pairs = [(run.id, run.attempt) for run in parked.values()]
        for line_id in move_lines(worker=self._worker, lines=pairs):
            run = parked[line_id]
            with logged_as(line_id=run.id, attempt=run.attempt):
                logger.info("%s goes on elsewhere: its engine on %s has crashed", run, self._worker)
            self._forget(run)

    def _fill(self) -> None:
        """Look when there is room: at once after lines were found, else once a second."""
        room = self._room()
        is_due = self._found or time.monotonic() - self._looked_at > LOOK_S
        if room <= 0 or not is_due:
            return
        self._looked_at = time.monotonic()
        claimed = claim_lines(worker=self._worker, models=self._engines.models_to_spare(), count=room)
        self._found = bool(claimed)
        by_model: dict[str, list[LineRun]] = {}
        for line in claimed:
            if line.endpoint == EMBEDDINGS:
                embedding = EmbeddingRun(line, self._read_body, self.note_end)
                self._runs[line.id] = embedding
                self._embedding.submit(embedding.start, self._engines)
            else:
                run = LineRun(line, self._read_body, self.note_end)
                self._runs[line.id] = run
                by_model.setdefault(line.model, []).append(run)
        for runs in by_model.values():
            self._preparing.submit(start_lines, runs, self._engines)

    def _room(self) -> int:
        free = self._slots - self._chat_busy()
        return free + self._waiting - len(self._runs) if free > 0 else 0

    def _forget(self, run: Run) -> None:
        self._runs.pop(run.id, None)
        run.abandon()

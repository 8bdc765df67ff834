"""Every two seconds: say that the worker lives, look after its engine, and end what nobody will take."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connections

from chat.models import WorkerStatus
from chat.services.generations import purge_expired_chunks, settle_abandoned
from chat.services.workers import heartbeat, retire_worker
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)

BEAT_S = 2.0
PURGE_S = 60.0


@dataclass
class WorkerState:
    """What a worker says about itself; whoever knows better writes it."""

    name: str
    device: str
    slots: int
    status: WorkerStatus = WorkerStatus.STARTING
    loaded_models: list[str] = field(default_factory=list)


class Heartbeat:
    """Beats until it is closed. `look_after` runs before every beat, `is_current` guards the housekeeping."""

    def __init__(
        self,
        state: WorkerState,
        *,
        busy: Callable[[], int],
        look_after: Callable[[], None],
        is_current: Callable[[], bool],
    ) -> None:
        self._state = state
        self._busy = busy
        self._look_after = look_after
        self._is_current = is_current
        self._due = threading.Event()
        self._closed = False
        self._purged_at = time.monotonic()
        self._thread = threading.Thread(target=self._loop, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat, now."""
        self._due.set()
        self._thread.start()

    def change(self, status: WorkerStatus) -> None:
        """Tell a new status at once."""
        self._state.status = status
        self._due.set()

    def close(self, timeout_s: float) -> None:
        """Beat no more; the row says that the worker has stopped."""
        self._closed = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def beat(self) -> None:
        """One beat."""
        self._look_after()
        state = self._state
        heartbeat(
            name=state.name,
            status=state.status,
            device=state.device,
            loaded_models=state.loaded_models if state.status == WorkerStatus.READY else [],
            slots=state.slots,
            busy=self._busy(),
        )
        if self._is_current():
            self._keep_house()

    def _keep_house(self) -> None:
        settle_abandoned()
        if time.monotonic() - self._purged_at > PURGE_S:
            self._purged_at = time.monotonic()
            purge_expired_chunks()

    def _loop(self) -> None:
        while not self._closed:
            self._due.wait(BEAT_S)
            self._due.clear()
            self._guard(self.beat)
        self._guard(lambda: retire_worker(name=self._state.name))
        connections.close_all()

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OUTAGE as error:
            logger.warning("%s cannot reach the database: %s", self._state.name, error)
            reconnect()
        except Exception:
            logger.exception("a beat of %s failed", self._state.name)

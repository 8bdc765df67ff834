"""Every two seconds: say that the worker lives, look after its engine, and end what nobody will take."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
from django.db import connections, transaction
from django.db.models.functions import Now

from chat.models import WorkerNode, WorkerStatus
from chat.selectors.operating import models_to_take
from chat.selectors.workers import HEARTBEAT_EXPIRES
from chat.services.generations import fall_back, purge_expired_chunks, settle_abandoned
from chat.services.programs import purge_unstored
from chat.services.workers import heartbeat, retire_worker
from inference.types.errors import InferenceError, Reason
from workers.database import OUTAGE, reconnect

logger = logging.getLogger(__name__)

BEAT_S = 2.0
PURGE_S = 60.0


class WorkerNameTakenError(InferenceError):
    """Another process works under this name: on leaving, each would retire the other."""

    def __init__(self, name: str, process: str) -> None:
        super().__init__(
            "worker_name_taken",
            Reason(
                "There is already a worker named %(name)s (%(process)s): choose another --name, or stop it.",
                {"name": name, "process": process},
            ),
        )


@dataclass
class WorkerState:
    """What a worker says about itself; whoever knows better writes it.

    `withheld` are models that moderators do not let it take work for.
    """

    name: str
    device: str
    slots: int
    budget: int = 0
    capabilities: dict[str, Any] = field(default_factory=dict)
    status: WorkerStatus = WorkerStatus.STARTING
    models: list[str] = field(default_factory=list)
    loaded_models: list[str] = field(default_factory=list)
    refused_models: dict[str, str | Reason] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()


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
        """Take the name and begin to beat, now. Raises `WorkerNameTakenError`."""
        self._take_name()
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
        self._write()
        if self._is_current():
            self._keep_house()

    def _take_name(self) -> None:
        nodes = WorkerNode.objects.filter(name=self._state.name)
        with transaction.atomic():
            # A row to lock, also where the name is new: of two that take it at once, one waits here.
            new = WorkerNode(name=self._state.name, status=WorkerStatus.STOPPED, heartbeat_at=Now())
            WorkerNode.objects.bulk_create([new], ignore_conflicts=True)
            nodes.select_for_update().get()
            heard = nodes.filter(heartbeat_at__gt=Now() - HEARTBEAT_EXPIRES)
            other = heard.exclude(status=WorkerStatus.STOPPED).first()
            if other is not None and _may_run(other.detail):
                raise WorkerNameTakenError(other.name, other.detail)
            self._write()

    def _write(self) -> None:
        state = self._state
        is_ready = state.status == WorkerStatus.READY
        heartbeat(
            name=state.name,
            status=state.status,
            device=state.device,
            offered_models=state.models if is_ready else [],
            loaded_models=state.loaded_models if is_ready else [],
            refused_models=state.refused_models,
            memory_budget=state.budget,
            slots=state.slots,
            busy=self._busy(),
            figures=state.figures,
            capabilities=state.capabilities,
            detail=f"{_host()}{os.getpid()}",
        )
        state.withheld = frozenset(state.models) - set(models_to_take(worker=state.name, models=state.models))

    def _keep_house(self) -> None:
        settle_abandoned()
        fall_back()
        if time.monotonic() - self._purged_at > PURGE_S:
            self._purged_at = time.monotonic()
            purge_expired_chunks()
            purge_unstored()

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


def _host() -> str:
    return f"{socket.gethostname()[:200]} process "


def _may_run(process: str) -> bool:
    """Whether that may be a live process other than this one. Of another machine's only its beat tells."""
    host, number = _host(), process.removeprefix(_host())
    if not process.startswith(host):
        return bool(process)
    return number != str(os.getpid()) and _runs(int(number))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""The engines of one worker, a process for each loaded model, within a budget of memory."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from chat.services.generations import Head
from inference.process import EngineClient
from inference.types.engines import EngineInfo
from inference.types.errors import STOPPED, InferenceError, Reason
from workers import loading
from workers.choosing import Room, choose_models
from workers.config import WorkerConfig
from workers.loading import LoadedEngine
from workers.offers import Offers

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""How old the list of what may be loaded may be: models come and go while a worker runs."""
IDLE_S = 60.0
"""How long a model must have been idle to leave for work that nobody waits for."""
COOL_S = 60.0
"""How long a model that could not be loaded is not offered."""


class EnginePool:
    """Loads models when they are wanted and lets the least recently used idle ones leave for them.

    Every method may be called from any thread.
    """

    def __init__(self, config: WorkerConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._changed = threading.Condition()
        self._loaded: dict[str, LoadedEngine] = {}
        self._loading: dict[str, int] = {}
        self._starting: set[EngineClient] = set()
        self._offers = Offers(config, clock)
        self._looked_at = float("-inf")
        self._closed = False

    @property
    def loaded(self) -> list[str]:
        """The models in memory."""
        with self._changed:
            return sorted(self._loaded)

    @property
    def offered(self) -> list[str]:
        """The models that are loaded or would be."""
        with self._changed:
            return sorted(self._offers.standing)

    @property
    def refused(self) -> dict[str, str | Reason]:
        """Why the others would not."""
        with self._changed:
            return self._offers.refused

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        """The gauges and totals of every model in memory, as the database keeps them."""
        with self._changed:
            engines = dict(self._loaded)
        return {
            slug: msgspec.to_builtins(engine.client.gauges) | msgspec.to_builtins(engine.client.totals)
            for slug, engine in engines.items()
        }

    def start(self) -> EngineInfo:
        """Load the first model, also where that has just failed. Raises `InferenceError`.

        It is then not offered before another start has loaded it.
        """
        with self.use(self._config.first.slug, insists=True) as engine:
            return engine.info

    @contextmanager
    def use(self, slug: str, *, insists: bool = False) -> Iterator[LoadedEngine]:
        """A model's engine, loaded if it is not; it stays while it is used. Raises `InferenceError`."""
        engine = self.acquire(slug, insists=insists)
        try:
            yield engine
        finally:
            self.release(engine)

    def acquire(self, slug: str, *, insists: bool = False) -> LoadedEngine:
        """The same for who will `release` it elsewhere."""
        with self._changed:
            while True:
                self._require_open()
                if engine := self._loaded.get(slug):
                    engine.users += 1
                    return engine
                if not insists:
                    self._offers.require(slug)
                if slug not in self._loading and (leaving := self._free_memory(slug)) is not None:
                    break
                self._changed.wait(LOOK_AGAIN_S)
        try:
            return self._load(slug, leaving, rest_s=math.inf if insists else COOL_S)
        finally:
            with self._changed:
                del self._loading[slug]
                self._changed.notify_all()

    def acquire_loaded(self, slug: str) -> LoadedEngine | None:
        """The same at once, or None for a model that is not loaded."""
        with self._changed:
            engine = None if self._closed else self._loaded.get(slug)
            if engine is not None:
                engine.users += 1
            return engine

    def release(self, engine: LoadedEngine) -> None:
        """It is not used any more by who acquired it."""
        with self._changed:
            engine.users -= 1
            engine.used_at = self._clock()
            self._changed.notify_all()

    def models_to_claim(self, find_heads: Callable[[list[str]], Mapping[str, Head]]) -> list[str]:
        """What to claim turns for now; see `choose_models`. Asks for heads only where there is a choice."""
        self._look_again()
        with self._changed:
            rooms = {slug: self._room(slug) for slug in self._offers.standing}
        if all(room.loaded for room in rooms.values()):
            return [slug for slug, room in rooms.items() if room.has_seat]
        return choose_models(rooms, find_heads(list(rooms)))

    def count_seats(self, models: Sequence[str]) -> int:
        """How many turns to claim at once: of several models which one is next depends on what runs."""
        with self._changed:
            engine = self._loaded.get(models[0]) if len(models) == 1 else None
            return max(1, engine.info.slots - engine.users) if engine is not None else 1

    def models_at_hand(self) -> list[str]:
        """Those that are loaded, or can be without anybody's leaving."""
        with self._changed:
            return [slug for slug in self._offers.standing if slug in self._loaded or self._room(slug).fits]

    def models_to_spare(self) -> list[str]:
        """Those that work nobody waits for may use: loaded, or instead of what has long been idle."""
        self._look_again()
        with self._changed:
            return [slug for slug in self._offers.standing if self._can_spare(slug)]

    def look_after(self) -> bool:
        """Kill engines that hang and forget those that are gone; False when nothing is left to be offered."""
        with self._changed:
            engines = dict(self._loaded)
        for slug, engine in engines.items():
            if not engine.client.is_alive:
                logger.error("the engine of %s is gone for good", slug)
                self._forget(slug, engine)
            elif engine.client.is_overdue:
                logger.error("the engine of %s hangs and is killed", slug)
                engine.client.kill()
        return bool(self.offered)

    def close(self) -> None:
        """Let all engines leave, also those that are just loading; nothing is loaded any more."""
        with self._changed:
            self._closed = True
            clients = [*(engine.client for engine in self._loaded.values()), *self._starting]
            self._loaded = {}
            self._changed.notify_all()
        for client in clients:
            client.close()

    # ---- under the lock

    def _require_open(self) -> None:
        if self._closed:
            raise worker_stops()

    def _room(self, slug: str) -> Room:
        engine = self._loaded.get(slug)
        if engine is not None:
            has_seat = engine.client.is_open and engine.users < engine.info.slots
            return Room(loaded=True, has_seat=has_seat)
        leaving = self._leaving(slug, list(self._loaded))
        return Room(
            loaded=False,
            fits=all(not self._loaded[each].users for each in leaving),
            victims=frozenset(leaving),
        )

    def _can_spare(self, slug: str) -> bool:
        """Not while it waits for its next process after a crash: another worker may take the work."""
        engine = self._loaded.get(slug)
        return engine.client.is_open if engine else all(map(self._is_idle, self._room(slug).victims))

    def _is_idle(self, slug: str) -> bool:
        engine = self._loaded[slug]
        return not engine.users and self._clock() - engine.used_at > IDLE_S

    def _leaving(self, slug: str, candidates: list[str]) -> list[str]:
        """Who has to leave for a model: idle ones first, then by when they were last used."""
        used = sum(self._loading.values()) + sum(engine.need_bytes for engine in self._loaded.values())
        missing = used + self._offers[slug].need_bytes - self._config.budget
        leaving = []
        for each in sorted(candidates, key=lambda name: self._rank(self._loaded[name])):
            if missing <= 0:
                break
            missing -= self._loaded[each].need_bytes
            leaving.append(each)
        return leaving

    def _rank(self, engine: LoadedEngine) -> tuple[bool, float]:
        return bool(engine.users), engine.used_at

    def _free_memory(self, slug: str) -> list[LoadedEngine] | None:
        """Take the engines that have to leave off the books; None while somebody uses them."""
        leaving = self._leaving(slug, list(self._loaded))
        used = sum(self._loading.values()) + sum(
            engine.need_bytes for name, engine in self._loaded.items() if name not in leaving
        )
        is_enough = used + self._offers[slug].need_bytes <= self._config.budget
        if not is_enough or any(self._loaded[each].users for each in leaving):
            return None
        self._loading[slug] = self._offers[slug].need_bytes
        return [self._loaded.pop(each) for each in leaving]

    # ---- taking the lock

    def _load(self, slug: str, leaving: list[LoadedEngine], *, rest_s: float) -> LoadedEngine:
        for engine in leaving:
            logger.info("%s leaves for %s", engine.info.model, slug)
            engine.client.close()
        offer = self._offers[slug]
        try:
            client, info = loading.start_engine(offer, self._start)
        except InferenceError as error:
            with self._changed:
                self._offers.withdraw(slug, error.reason or error.message, rest_s)
            raise
        logger.info("%s is loaded on %s, %d slots", slug, info.device, info.slots)
        loaded = LoadedEngine(client, info, offer.need_bytes, users=1, used_at=self._clock())
        with self._changed:
            if not self._closed:
                self._loaded[slug] = loaded
                self._offers.restore(slug)
                return loaded
        client.close()
        raise worker_stops()

    def _start(self, client: EngineClient) -> EngineInfo:
        with self._changed:
            self._require_open()
            self._starting.add(client)
        try:
            return client.start()
        finally:
            with self._changed:
                self._starting.remove(client)

    def _forget(self, slug: str, engine: LoadedEngine) -> None:
        message = Reason("The engine of %(model)s stopped again and again.", {"model": slug})
        with self._changed:
            if self._loaded.get(slug) is engine:
                del self._loaded[slug]
            self._offers.withdraw(slug, message, COOL_S)
            self._changed.notify_all()
        engine.client.close()

    def _look_again(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = now
        others = self._config.others()
        with self._changed:
            self._offers.renew(others, loaded=self._loaded)


def worker_stops() -> InferenceError:
    """Why nothing is loaded any more."""
    return InferenceError(STOPPED, "The worker is stopping.", retryable=True)

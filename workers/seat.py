"""One generation's use of an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable

from workers.engines import EnginePool
from workers.loading import LoadedEngine


class Seat:
    """One generation's use of an engine: taken in one thread and left in another, perhaps before that.

    Where the model is loaded it counts from the beginning.
    """

    def __init__(self, engines: EnginePool, slug: str, when_left: Callable[[], None]) -> None:
        self._engines = engines
        self._slug = slug
        self._when_left = when_left
        self._lock = threading.Lock()
        self._engine = engines.acquire_loaded(slug)
        self._is_left = False

    def take(self) -> LoadedEngine:
        """The engine, loaded if it is not. Raises `InferenceError`."""
        if self._engine is not None:
            return self._engine
        engine = self._engines.acquire(self._slug)
        with self._lock:
            if not self._is_left:
                self._engine = engine
                return engine
        self._engines.release(engine)
        return engine

    def leave(self) -> None:
        """It is not needed any more. Once."""
        with self._lock:
            self._is_left = True
        if self._engine is not None:
            self._engines.release(self._engine)
        self._when_left()

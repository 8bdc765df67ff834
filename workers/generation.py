"""One attempt of one generation: from its claim until its end is committed.

`preparing` makes what its engine is asked, `drafting` what is committed of the answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from chat.log_context import logged_as
from chat.services.adapters import adapter_of
from chat.services.generations import ClaimedGeneration, Progress
from inference.interface import Engine
from inference.types.errors import STOPPED, InferenceError
from inference.types.events import EngineEvent, Failed, Finished, Started
from inference.types.requests import GenerationRequest
from workers.drafting import Drafter
from workers.preparing import identity_of, prepare, request_for

logger = logging.getLogger(__name__)

BROKEN = Failed(request_id="", code="internal_error", message="Something went wrong here. Please try again.")


class GenerationRun:
    """Collects what the engine says until the flusher has committed it. `hear` is told of news, and whether
    readers should not wait for it; `when_over` hears of the end once.

    The engine's thread calls `receive`, a starter's thread `start` or `refuse`, and the flusher everything
    else. A draft stays the same until it is committed, so that it can be told whether an
    interrupted commit arrived.
    """

    def __init__(
        self,
        claimed: ClaimedGeneration,
        hear: Callable[[bool], None],
        when_over: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = claimed.id
        self.attempt = claimed.attempt
        self.request_id = f"{claimed.id}:{claimed.attempt}"
        self.is_handed_back = False
        self._claimed = claimed
        self._claimed_at = time.monotonic()
        self._engine: Engine | None = None
        self._hear = hear
        self._when_over = when_over
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._drafter = Drafter(claimed)
        self._pending: list[EngineEvent] = []
        self._draft: Progress | None = None
        self._drafted = 0

    def __str__(self) -> str:
        return f"generation {self.id} attempt {self.attempt}"

    def logged(self) -> AbstractContextManager[None]:
        """Lines of the log that are written inside have its ids."""
        return logged_as(generation_id=self.id, attempt=self.attempt)

    @property
    def is_over(self) -> bool:
        """Whether the attempt is: committed, lost or handed back."""
        return self._closed.is_set()

    # ---- the thread that starts it

    def start(self, engine: Engine, digest: str) -> None:
        """Prepare and submit. What goes wrong becomes the generation's end, through the flusher."""
        with self._lock:
            if self._has_ended or self.is_over:
                return
            self._engine = engine
        try:
            request = self._make_request(engine, digest)
            with self._lock:
                if request is not None and not self.is_over:
                    engine.submit(request, self.receive)
        except InferenceError as error:
            self.refuse(error)
        except Exception:
            logger.exception("%s cannot start", self)
            self.receive(BROKEN)

    def refuse(self, error: InferenceError) -> None:
        """End as failed: there is no engine for it, or the engine does not take it."""
        self.receive(Failed.of(self.request_id, error))

    def _make_request(self, engine: Engine, digest: str) -> GenerationRequest | None:
        """The engine's request; None when the lease was lost meanwhile."""
        adapter = adapter_of(model=self._claimed.model, options=self._claimed.options)
        digest = identity_of(digest, adapter)
        prepared = prepare(self._claimed, engine, digest, self._closed)
        if prepared is None:
            return None
        says_again = bool(prepared.resume_ids) and self._claimed.model_digest == digest
        with self._lock:
            self._drafter = Drafter(prepared, says_again=says_again)
        return request_for(
            prepared,
            self.request_id,
            adapter=adapter,
            released=self._drafter.released,
            elapsed_s=time.monotonic() - self._claimed_at,
        )

    # ---- the engine's thread

    def receive(self, event: EngineEvent) -> None:
        """Keep an event for the flusher, which hears of tokens and ends; a start waits for the first one."""
        with self._lock:
            if self._has_ended:
                return  # given up meanwhile
            if isinstance(event, Failed) and event.code == STOPPED:
                self.is_handed_back = True
            else:
                self._pending.append(event)
            is_urgent = self._drafter.note_time(event)
        if not isinstance(event, Started):
            self._hear(is_urgent)

    # ---- the flusher

    def draft(self) -> Progress:
        """What is to be committed next; the same until `commit`."""
        with self._lock:
            if self._draft is None:
                self._drafted = len(self._pending)
                self._draft = self._drafter.draft(self._pending)
                if self._draft.outcome is not None and not self._has_ended:
                    self._cancel_request()
            return self._draft

    def commit(self) -> bool:
        """The draft is in the database. True when it was the end."""
        with self._lock:
            draft, self._draft = self.draft(), None
            del self._pending[: self._drafted]
            self._drafter.count(draft)
        if draft.token_ids and self._engine is not None:
            self._engine.acknowledge(self.request_id, len(draft.token_ids))
        if draft.outcome is not None:
            logger.info("%s ended: %s", self, draft.outcome.finish_reason)
            self._close()
        return draft.outcome is not None

    @property
    def is_stuck(self) -> bool:
        """Whether its engine hangs."""
        return self._engine is not None and self._engine.is_overdue

    @property
    def can_move(self) -> bool:
        """Whether another worker could go on with it: not when only its end has to be committed."""
        with self._lock:
            return not self._has_ended and (self._engine is None or self._engine.can_move(self.request_id))

    @property
    def is_parked(self) -> bool:
        """Whether its engine has crashed, and another worker might go on with it sooner."""
        return self._engine is not None and self._engine.is_parked(self.request_id)

    def cancel(self) -> None:
        """Ask for the end; the engine's terminal event follows, as soon as it has the request."""
        with self._lock:
            if self._engine is None:  # its model is still being loaded
                self.receive(self._drafter.ended("cancelled"))
        self._cancel_request()

    def fail(self) -> None:
        """Give up what could not be committed and end with an error instead."""
        with self._lock:
            self._draft, self._pending = None, [BROKEN]
        self._cancel_request()

    def abandon(self) -> None:
        """Stop without an end: the row is somebody else's now."""
        self._close()
        self._cancel_request()

    def _close(self) -> None:
        with self._lock:
            was_open = not self.is_over
            self._closed.set()
        if was_open:
            self._when_over()

    def _cancel_request(self) -> None:
        if self._engine is not None:
            self._engine.cancel(self.request_id)

    @property
    def _has_ended(self) -> bool:
        return bool(self._pending) and isinstance(self._pending[-1], Finished | Failed)

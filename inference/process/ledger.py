"""The live requests of an engine process, and how they get over its death."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import msgspec

from inference.types.events import (
    Delta,
    Emit,
    EngineEvent,
    Failed,
    Finished,
    FinishReason,
    Started,
    Timings,
    Usage,
)
from inference.types.requests import GenerationRequest, Resume

Ending = tuple[Emit, Failed | Finished]

POISON_CRASHES = 2
TAKEN_TOKENS = 32
"""So many tokens are acknowledged together: an eighth of what a sequence may be ahead of its reader, which is
what is there to be read after an outage."""


class LiveRequest:
    """A request and all it has said, over however many children."""

    def __init__(self, request: GenerationRequest, emit: Emit, now: float) -> None:
        self.request = request
        self.emit = emit
        self.submitted_at = now
        self.token_ids = list(request.resume.token_ids) if request.resume else []
        self.texts = [request.resume.text] if request.resume else []
        self.cached_tokens = 0
        self.taken = 0
        self.started = False
        self.cancelled = False
        self.crashes = 0
        self.doubted = request.doubted

    @property
    def is_interactive(self) -> bool:
        """Whether somebody waits for it."""
        return self.request.priority == "interactive"

    def resumed(self, now: float) -> GenerationRequest:
        """The request that continues after what has been said, within the time that is left."""
        spent_ms = round((now - self.submitted_at) * 1000)
        return msgspec.structs.replace(
            self.request,
            resume=Resume(token_ids=self.token_ids, text="".join(self.texts)) if self.token_ids else None,
            time_limit_ms=max(1, self.request.time_limit_ms - spent_ms),
        )

    def finished(self, reason: FinishReason) -> Finished:
        """The end of a request that no child is running."""
        return Finished(
            request_id=self.request.request_id,
            finish_reason=reason,
            usage=Usage(
                prompt_tokens=len(self.request.prompt_ids),
                cached_tokens=self.cached_tokens,
                completion_tokens=len(self.token_ids),
            ),
            timings=Timings(wait_ms=0, prefill_ms=0, decode_ms=0),
        )

    def failed(self, code: str, message: str, *, retryable: bool) -> Failed:
        """A failure that the engine itself can no longer report."""
        return Failed(request_id=self.request.request_id, code=code, message=message, retryable=retryable)


class Ledger:
    """Who is live, and who may go to the child. Not thread-safe; hands out events instead of emitting them.

    After a crash nobody knows whose fault it was, so the survivors go back on trial: one, then two, four and
    so on, the next ones when those on trial have produced a token or ended. When a child dies during a trial,
    those on trial are doubted: they go first, each alone. A death counts against who was alone; the second
    time that one fails as `poison_request`. Requests that come here doubted keep nobody waiting, but are the
    suspects as long as they have produced nothing.

    Nobody goes on trial who would not compute at once, and so keep all others waiting: no more than `seats`
    run, and with `batch_pauses` batch requests wait until no interactive one is live.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        seats: int = 1 << 30,
        batch_pauses: bool = False,
    ) -> None:
        self._clock = clock
        self._seats = seats
        self._batch_pauses = batch_pauses
        self._live: dict[str, LiveRequest] = {}
        self._waiting: deque[LiveRequest] = deque()
        self._trial: list[LiveRequest] = []
        self._trial_size = 1
        self._open = False
        self._cautious = False

    @property
    def is_open(self) -> bool:
        """Whether a child is ready."""
        return self._open

    def add(self, request: GenerationRequest, emit: Emit) -> None:
        """Take a request; `admit` says when it goes to the child."""
        live = LiveRequest(request, emit, self._clock())
        self._live[request.request_id] = live
        self._waiting.append(live)

    def open(self) -> None:
        """A child is ready."""
        self._open = True

    def admit(self) -> list[GenerationRequest]:
        """The requests to send to the child now."""
        if not self._open or (self._cautious and self._trial):
            return []
        admitted = self._next_on_trial() if self._cautious else list(self._waiting)
        for live in admitted:
            self._waiting.remove(live)
        self._trial += [live for live in admitted if self._cautious or live.doubted]
        self._trial_size *= 1 + self._cautious
        self._cautious = self._cautious and bool(admitted or self._waiting)
        return [live.resumed(self._clock()) for live in admitted]

    def note(self, event: EngineEvent) -> Emit | None:
        """Remember what a request said; returns who hears it.

        Nobody hears a second `Started`, a mere sign of life, or a stranger.
        """
        live = self._live.get(event.request_id)
        if live is None:
            return None
        if isinstance(event, Started):
            repeated, live.started = live.started, True
            live.cached_tokens = event.cached_tokens
            return None if repeated else live.emit
        if live in self._trial:
            live.doubted = False
            self._trial.remove(live)
        if not isinstance(event, Delta):
            del self._live[event.request_id]
            return live.emit
        live.token_ids += event.token_ids
        live.texts.append(event.text)
        return live.emit if event.token_ids else None

    def take(self, request_id: str, tokens: int) -> int:
        """Note that a reader has taken tokens; returns of how many the child should hear now."""
        live = self._live.get(request_id)
        if live is None:
            return 0
        live.taken += tokens
        taken = live.taken if live.taken >= TAKEN_TOKENS else 0
        live.taken -= taken
        return taken

    def is_parked(self, request_id: str) -> bool:
        """Whether a request waits for the next child, though nothing speaks against running it elsewhere."""
        live = self._live.get(request_id)
        return live is not None and not self._open and live in self._waiting and not live.doubted

    def cancel(self, request_id: str) -> list[Ending]:
        """Note a wish to end. What the child does not have ends here; of the rest it must be told."""
        live = self._live.get(request_id)
        if live is None:
            return []
        live.cancelled = True
        if live not in self._waiting:
            return []
        self._waiting.remove(live)
        return [self._end(live, live.finished("cancelled"))]

    def crash(self) -> list[Ending]:
        """The child died: everybody waits for the next one, but for those whose end this is."""
        suspects, self._trial, self._trial_size = self._trial, [], 1
        was_alone = self._cautious and len(suspects) == 1
        self._open, self._cautious = False, True
        for live in suspects:
            live.crashes += was_alone
            live.doubted = True
        for live in self._live.values():
            live.taken = 0  # the next child counts anew
        admitted = [
            live for live in self._live.values() if live not in self._waiting and live not in suspects
        ]
        self._waiting.extendleft(reversed(suspects + admitted))
        return self._bury()

    def drop_all(self) -> list[LiveRequest]:
        """Forget everybody; returns who that was."""
        dropped = list(self._live.values())
        self._live.clear()
        self._waiting.clear()
        self._trial.clear()
        return dropped

    def _next_on_trial(self) -> list[LiveRequest]:
        """Who of those who wait goes to the child next."""
        line = list(self._waiting)
        if self._batch_pauses and any(live.is_interactive for live in self._live.values()):
            line = [live for live in line if live.is_interactive]
        doubted = next((at for at, live in enumerate(line) if live.doubted), len(line))
        free = self._seats - (len(self._live) - len(self._waiting))
        return line[: max(0, min(self._trial_size, max(1, doubted), free))]

    def _bury(self) -> list[Ending]:
        endings: list[Ending] = []
        for live in list(self._waiting):
            event: Failed | Finished
            if live.cancelled:
                event = live.finished("cancelled")
            elif live.crashes >= POISON_CRASHES:
                message = (
                    "This request crashes the model and was stopped. Please change it before trying again."
                )
                event = live.failed("poison_request", message, retryable=False)
            else:
                continue
            self._waiting.remove(live)
            endings.append(self._end(live, event))
        return endings

    def _end(self, live: LiveRequest, event: Failed | Finished) -> Ending:
        del self._live[live.request.request_id]
        return live.emit, event

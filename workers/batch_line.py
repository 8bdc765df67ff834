"""One attempt of one line of a batch job: from its claim until its end is committed."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.utils import timezone

from chat.log_context import logged_as
from chat.realtime.protocol.views import TokenLogprob
from chat.services.batches import ClaimedLine, LineError, LineProgress, LineRefused, LineResult, ReadBody
from chat.services.errors import ServiceError
from chat.services.generations.logprobs import logprob_views
from chat.services.options import policy_from, sampling_from, shift_from, tools_from
from inference.process import EngineClient
from inference.prompt.budget import TOO_LONG
from inference.types.errors import STOPPED, InferenceError, Reason
from inference.types.events import Delta, EngineEvent, Failed, Finished, Started
from inference.types.prompts import PreparedPrompt
from inference.types.requests import GenerationRequest, Resume
from workers.engines import EnginePool
from workers.loading import LoadedEngine
from workers.preparing import effective_options

logger = logging.getLogger(__name__)

BROKEN = LineError(code="internal_error", message="Something went wrong here. Please try again.")
LONGEST_MS = 86_400_000
ACKNOWLEDGED_TOGETHER = 64
"""A quarter of what the engine says before it waits for its reader."""
GATHER_S = 0.25
"""How long a line waits for the prompts of those that were claimed with it."""


@dataclass
class Choice:
    """What one choice of a line has said, over all attempts."""

    token_ids: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    unacknowledged: int = 0
    cached_tokens: int = 0
    syntax: str = ""
    logprobs: list[TokenLogprob] = field(default_factory=list)
    end: Finished | None = None

    def checkpoint(self) -> dict[str, Any]:
        """What a later attempt goes on from."""
        return {"token_ids": self.token_ids, "text": "".join(self.texts)}


class LineRun:
    """Collects what the engine says.

    The engine's thread calls `receive`, a preparing thread `prepare` and `note_submitted`, and the filler
    everything else.
    """

    def __init__(
        self,
        claimed: ClaimedLine,
        read_body: ReadBody,
        wake: Callable[[], None],
    ) -> None:
        self.id = claimed.id
        self.attempt = claimed.attempt
        self.is_handed_back = False
        self._claimed = claimed
        self._engine: EngineClient | None = None
        self._digest = ""
        self._read_body = read_body
        self._wake = wake
        self._lock = threading.RLock()
        self._closed = False
        self._choices: dict[str, Choice] = {}
        self._error: LineError | None = None
        self._prompt_tokens = 0
        self._wants_logprobs = False
        self._is_news = False

    def __str__(self) -> str:
        return f"line {self.id} attempt {self.attempt}"

    def logged(self) -> AbstractContextManager[None]:
        """Lines of the log that are written inside have its ids."""
        return logged_as(line_id=self.id, attempt=self.attempt)

    @property
    def model(self) -> str:
        """Whose lines may be started together."""
        return self._claimed.model

    # ---- a preparing thread

    def prepare(self, engine: LoadedEngine) -> list[GenerationRequest]:
        """What to ask the engine: nothing once it is abandoned. What goes wrong becomes the line's end."""
        if self._closed:
            return []
        self._digest = engine.info.digest
        self._engine = engine.client
        try:
            return self._make_requests(engine.client)
        except InferenceError as error:
            self.refuse(error)
        except (LineRefused, ServiceError) as error:
            self._error = why_refused(error)
            self._wake()
        except Exception:
            with self.logged():
                logger.exception("%s cannot start", self)
            self._error = BROKEN
            self._wake()
        return []

    def refuse(self, error: InferenceError) -> None:
        """There is no engine for it, or its prompt cannot be made."""
        self._fail(Failed.of("", error))
        self._wake()

    def note_submitted(self) -> None:
        """The engine has its requests: one that was abandoned meanwhile ends them."""
        if self._closed:
            self.abandon()

    @property
    def is_leaving(self) -> bool:
        """Whether it is to be put back: it was paused, or its engine has left."""
        return self.is_handed_back or (self._engine is not None and not self._engine.is_alive)

    @property
    def is_parked(self) -> bool:
        """Whether its engine has crashed, and another worker might go on with it sooner."""
        with self._lock:
            unfinished = [id_ for id_, choice in self._choices.items() if choice.end is None]
        return self._engine is not None and bool(unfinished) and all(map(self._engine.is_parked, unfinished))

    # ---- the engine's thread

    def receive(self, event: EngineEvent) -> None:
        """Keep what the engine says; of an end the filler hears at once."""
        with self._lock:
            choice = self._choices[event.request_id]
            if isinstance(event, Started):
                choice.cached_tokens = event.cached_tokens
                return
            if isinstance(event, Delta):
                choice.token_ids += event.token_ids
                choice.texts.append(event.text)
                choice.unacknowledged += len(event.token_ids)
                choice.logprobs += logprob_views(event.logprobs)
                self._is_news = True
                self._acknowledge(event.request_id, choice)
                return
            if isinstance(event, Finished):
                choice.texts.append(event.text)
                choice.end = event
            else:
                self._fail(event)
        self._wake()

    def _acknowledge(self, request_id: str, choice: Choice) -> None:
        """Let the engine go on: what was said is kept here, whether or not the database is there."""
        if self._engine is not None and choice.unacknowledged >= ACKNOWLEDGED_TOGETHER:
            self._engine.acknowledge(request_id, choice.unacknowledged)
            choice.unacknowledged = 0

    # ---- the filler

    def progress(self) -> LineProgress:
        """What to write down by now."""
        with self._lock:
            news, self._is_news = self._is_news, False
            choices = [choice.checkpoint() for choice in self._choices.values()] if news else None
        return LineProgress(line_id=self.id, attempt=self.attempt, model_digest=self._digest, choices=choices)

    def result(self) -> LineResult | None:
        """How the line ended, when it has."""
        with self._lock:
            if self._error is not None:
                return LineResult(line_id=self.id, attempt=self.attempt, error=self._error)
            ended = [choice for choice in self._choices.values() if choice.end is not None]
            if not ended or len(ended) < len(self._choices):
                return None
            return LineResult(
                line_id=self.id,
                attempt=self.attempt,
                choices=[_described(choice) for choice in ended],
                prompt_tokens=self._prompt_tokens,
                cached_tokens=ended[0].cached_tokens,
                completion_tokens=sum(choice.end.usage.completion_tokens for choice in ended if choice.end),
            )

    def abandon(self) -> None:
        """Stop: the row is somebody else's now, or will be."""
        with self._lock:
            self._closed = True
            unfinished = [id_ for id_, choice in self._choices.items() if choice.end is None]
        for request_id in unfinished:
            if self._engine is not None:
                self._engine.cancel(request_id)

    # ---- making the requests

    def _make_requests(self, engine: EngineClient) -> list[GenerationRequest]:
        claimed = self._claimed
        ask = self._read_body(claimed.endpoint, msgspec.json.decode(claimed.body))
        # Not drawn: every attempt has to draw the same tokens.
        given = {"seed": zlib.crc32(b"line %d" % self.id)} | ask.options
        self._wants_logprobs = bool(given.get("logprobs"))
        requests: list[GenerationRequest] = []
        for conversation in ask.conversations:
            prompt = engine.prepare(
                conversation, given.get("chat_template", ""), tools_from(given), policy_from(given)
            )
            self._prompt_tokens += len(prompt.token_ids)
            for _ in range(ask.choices):
                requests.append(self._make_request(len(requests), prompt, given))
        return requests

    def _make_request(self, index: int, prompt: PreparedPrompt, given: dict[str, Any]) -> GenerationRequest:
        options = effective_options(given, prompt)
        request_id = f"line:{self.id}:{self.attempt}:{index}"
        choice = self._earlier(index)
        choice.syntax = prompt.syntax
        with self._lock:  # the filler looks at those that are there
            self._choices[request_id] = choice
        resume = Resume(token_ids=list(choice.token_ids), text="".join(choice.texts))
        return GenerationRequest(
            request_id=request_id,
            prompt_ids=prompt.token_ids,
            sampling=sampling_from(options | {"seed": (options["seed"] + index) % 2**32}),
            priority="batch",
            time_limit_ms=self._time_left_ms(),
            cache_key=str(self._claimed.job_id),
            shift=shift_from(options),
            doubted=self._claimed.faults > 0,
            gathers=True,
            resume=resume if choice.token_ids else None,
        )

    def _earlier(self, index: int) -> Choice:
        """What earlier attempts said, if it was this model that said it."""
        checkpoint = self._claimed.checkpoint
        is_usable = self._claimed.model_digest == self._digest and index < len(checkpoint)
        if not is_usable or self._wants_logprobs:  # those of earlier attempts are not kept
            return Choice()
        return Choice(token_ids=list(checkpoint[index]["token_ids"]), texts=[checkpoint[index]["text"]])

    def _time_left_ms(self) -> int:
        if self._claimed.expires_at is None:
            return LONGEST_MS
        left = (self._claimed.expires_at - timezone.now()).total_seconds()
        return max(1, min(LONGEST_MS, round(left * 1000)))

    def _fail(self, end: Failed) -> None:
        if end.code == STOPPED:
            self.is_handed_back = True
        else:
            reason = _about_a_line(end)
            said = end.message if reason is None else str(reason)
            self._error = LineError(code=end.code, message=said, reason=reason)


def _about_a_line(end: Failed) -> Reason | None:
    """A line has no chat that could be shortened or begun anew."""
    if end.code != TOO_LONG or end.reason is None or "tokens" not in end.reason.values:
        return end.reason
    return Reason(
        "This line's prompt is at least %(tokens)s tokens long, but the model's window is %(window)s.",
        end.reason.values,
    )


def why_refused(error: LineRefused | ServiceError) -> LineError:
    """What is told of a line that could be asked when it was validated, and cannot any more."""
    param = error.param if isinstance(error, LineRefused) else error.field or ""
    return LineError(code=error.code, message=str(error), reason=error.reason, param=param)


def start_lines(runs: Sequence[LineRun], engines: EnginePool) -> None:
    """Prepare lines of one model and submit them together: prompts cost less in one step than in several.

    The engine is not kept: it may leave for a model that somebody waits for.
    """
    try:
        with engines.use(runs[0].model) as engine:
            _start(runs, engine)
    except InferenceError as error:
        for run in runs:
            run.refuse(error)
    except Exception:
        logger.exception("%d lines cannot start", len(runs))
        for run in runs:
            run.refuse(InferenceError(BROKEN.code, BROKEN.message))


def _start(runs: Sequence[LineRun], engine: LoadedEngine) -> None:
    ready: dict[LineRun, list[GenerationRequest]] = {}
    due_at = time.monotonic() + GATHER_S
    for run in runs:
        ready[run] = run.prepare(engine)
        if run is runs[-1] or time.monotonic() > due_at:
            engine.client.submit_all([(each, run.receive) for run in ready for each in ready[run]])
            for started in ready:
                started.note_submitted()
            ready, due_at = {}, time.monotonic() + GATHER_S


def _described(choice: Choice) -> dict[str, Any]:
    assert choice.end is not None  # noqa: S101  only ended ones are described
    said = {"text": "".join(choice.texts), "finish_reason": choice.end.finish_reason}
    if choice.syntax:
        said["syntax"] = choice.syntax
    return said | ({"logprobs": msgspec.to_builtins(choice.logprobs)} if choice.logprobs else {})

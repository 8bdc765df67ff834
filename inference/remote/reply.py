"""One reply of a remote model: what was asked, what has been said, by however many providers."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.counting import guess_tokens
from inference.engine.detokenizer import Detokenizer
from inference.remote.calls import CallWriter, Fragment
from inference.remote.routes import Route
from inference.remote.streaming import Counts, Frame
from inference.tool_calls.syntax import HERMES
from inference.types.errors import InferenceError
from inference.types.events import Delta, Emit, Failed, Finished, FinishReason, Started, Timings, Usage
from inference.types.requests import GenerationRequest

FINISH_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}
MAX_CHARS = 4_000_000
"""A provider that knows no end does not fill our memory."""


class Call:
    """One call for a reply: hears its frames, and looks for stop strings itself.

    A stop string that lies across two calls is found as well: what may be its beginning is never released.
    """

    def __init__(self, reply: Reply, first_token: Callable[[float], None]) -> None:
        self.counts = Counts()
        self.pieces = 0
        self.reason: FinishReason | None = None
        self._reply = reply
        self._first_token = first_token
        self._began = time.monotonic()
        self._text = Detokenizer(reply.request.sampling.stop)
        self._calls = CallWriter()
        self._spelt = Detokenizer()

    def hear(self, frame: Frame) -> bool:
        """Pass on what a frame says. True when no more is needed."""
        if frame.usage is not None:
            self.counts = frame.usage
        if frame.text:
            self._hear_piece()
            self._reply.say(self._text.push(_bytes(frame.text)))
        if frame.calls and self._reply.request.tools is not None:
            self._hear_piece()
            self._call(frame.calls)
        if frame.finish_reason is not None:
            self.reason = FINISH_REASONS.get(frame.finish_reason, "stop")
        if self._text.stopped:
            self.reason = "stop"
        elif self._reply.chars > MAX_CHARS:
            self.reason = "length"
        else:
            return False
        return True

    def rest(self) -> str:
        """What was held back because it might have become a stop string, and the end of a call."""
        return self._text.flush() + self._spelt.push(_bytes(self._calls.finish()))

    def _hear_piece(self) -> None:
        if not self.pieces:
            self._first_token((time.monotonic() - self._began) * 1000)
        self.pieces += 1

    def _call(self, fragments: list[Fragment]) -> None:
        """Stop strings are for what is said, not for calls."""
        text = self._spelt.push(_bytes(self._calls.write(fragments)))
        self._reply.has_called = self._reply.has_called or self._calls.has_begun
        self._reply.say(self._text.flush() + text)


def may_call(request: GenerationRequest, text: str) -> bool:
    """Whether a reply's text has come to its calls: nobody can be asked to go on in the middle of one."""
    return request.tools is not None and HERMES.trigger in text


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Reply:
    """A live request. `said` is everything that readers may have seen."""

    def __init__(self, request: GenerationRequest, emit: Emit) -> None:
        self.request = request
        self.chars = 0
        self.is_cancelled = False
        self.can_move = True
        self.has_called = request.resume is not None and may_call(request, request.resume.text)
        self.provider = ""
        self.ignored: tuple[str, ...] = ()
        self._emit = emit
        self._began = 0.0
        self._started = False
        self._said = [request.resume.text] if request.resume else []
        self._earlier_tokens = guess_tokens(*self._said)
        self._call: Call | None = None
        self._prompt_tokens = guess_tokens(*(message.content for message in request.messages))

    @property
    def said(self) -> str:
        """The text so far, all attempts together."""
        return "".join(self._said)

    @property
    def said_tokens(self) -> int:
        """About how many tokens that is: the provider's own count, else one for each piece that came."""
        call = self._call
        if call is None:
            return self._earlier_tokens
        counted = call.counts.completion_tokens
        return self._earlier_tokens + (counted if counted is not None else call.pieces)

    def begin(self, route: Route, first_token: Callable[[float], None]) -> Call:
        """Another call; what the last one said is settled. `first_token` hears its latency in ms."""
        self._earlier_tokens = self.said_tokens
        self._call = Call(self, first_token)
        self.provider = route.provider
        return self._call

    def say(self, text: str) -> None:
        """Release text."""
        self.start()
        if text:
            self.chars += len(text)
            self._said.append(text)
            self._emit(Delta(request_id=self.request.request_id, token_ids=[], text=text))

    def start(self) -> None:
        """Tell once that a provider is at work."""
        if not self._started:
            self._started = True
            self._began = time.monotonic()
            ids = self.request.request_id
            self._emit(Started(request_id=ids, prompt_tokens=self._prompt_tokens, cached_tokens=0))

    def finish(self, reason: FinishReason, text: str = "") -> None:
        """The end. Tokens that nobody counted are estimated."""
        counts = self._call.counts if self._call is not None else Counts()
        prompt = self._prompt_tokens if counts.prompt_tokens is None else counts.prompt_tokens
        elapsed_ms = (time.monotonic() - self._began) * 1000 if self._started else 0.0
        self._emit(
            Finished(
                request_id=self.request.request_id,
                finish_reason=reason,
                usage=Usage(
                    prompt_tokens=prompt,
                    cached_tokens=min(counts.cached_tokens, prompt),
                    completion_tokens=self.said_tokens,
                ),
                timings=Timings(wait_ms=0, prefill_ms=0, decode_ms=elapsed_ms),
                text=text,
                provider=self.provider,
                ignored=self.ignored,
            )
        )

    def fail(self, error: InferenceError) -> None:
        """The end, with what was said kept."""
        self._emit(Failed.of(self.request.request_id, error))

"""Generations in the words of `chat/completions` and `completions`: whole, or as chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from chat.api.openai.choices import ChoiceEvent, End, Step, Whole, read_choices
from chat.api.openai.errors import failure
from chat.api.openai.logprobs import chat_logprobs, text_logprobs
from chat.api.sse import encode_frame
from chat.models import Generation
from chat.realtime.protocol.events import GenerationFailed
from chat.realtime.protocol.views import GenerationMetrics, TokenLogprob, UsageView
from chat.selectors.tool_calls import call_id
from inference.tool_calls import Argued, Called, Part, Said

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Shape:
    """How one endpoint names things; `field` is where its request has the conversation."""

    field: str
    prefix: str
    whole: str
    chunk: str
    is_chat: bool

    def envelope(
        self, rows: Sequence[Generation], kind: str, choices: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """What every object has."""
        return {
            "id": f"{self.prefix}-{rows[0].id.hex}",
            "object": kind,
            "created": int(rows[0].created_at.timestamp()),
            "model": rows[0].model,
            "choices": choices,
        }

    def deltas(self, row: Generation, step: Step) -> Iterator[dict[str, Any]]:
        """What a step adds to the choice: a dictionary for each chunk."""
        parts: Sequence[Part] = step.parts or [Said("")]
        for at, part in enumerate(parts):
            logprobs = self._logprobs(step.logprobs if at == 0 else None)
            yield self._delta(row, part) | {"logprobs": logprobs, "finish_reason": None}

    def first(self) -> dict[str, Any]:
        """The chunk that says who speaks."""
        delta = {"role": "assistant", "content": ""}
        return {"delta": delta, "logprobs": None, "finish_reason": None}

    def last(self, end: End) -> dict[str, Any]:
        """The chunk that says how it ended."""
        said: dict[str, Any] = {"delta": {}} if self.is_chat else {"text": ""}
        return said | {"logprobs": None, "finish_reason": end.finish_reason}

    def full(self, whole: Whole, end: End) -> dict[str, Any]:
        """A whole choice."""
        wants_logprobs = whole.row.options.get("logprobs")
        common = {
            "index": whole.row.choice,
            "logprobs": self._logprobs(whole.logprobs if wants_logprobs else None),
            "finish_reason": end.finish_reason,
        }
        if not self.is_chat:
            return common | {"text": whole.text}
        content = None if whole.calls and not whole.text else whole.text
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if whole.calls:
            message["tool_calls"] = [
                {"id": call["id"], "type": "function", "function": _function(call)} for call in whole.calls
            ]
        return common | {"message": message}

    def _delta(self, row: Generation, part: Part) -> dict[str, Any]:
        match part:
            case Said(text=text):
                return {"delta": {"content": text}} if self.is_chat else {"text": text}
            case Called(index=index, name=name):
                call = {"id": call_id(row.id, index), "type": "function"}
                return _called(index, call | {"function": {"name": name, "arguments": ""}})
            case Argued(index=index, fragment=fragment):
                return _called(index, {"function": {"arguments": fragment}})

    def _logprobs(self, tokens: list[TokenLogprob] | None) -> dict[str, Any] | None:
        if tokens is None:
            return None
        return chat_logprobs(tokens) if self.is_chat else text_logprobs(tokens)


CHAT = Shape("messages", "chatcmpl", "chat.completion", "chat.completion.chunk", is_chat=True)
TEXT = Shape("prompt", "cmpl", "text_completion", "text_completion", is_chat=False)


async def reply_chunks(
    rows: Sequence[Generation], shape: Shape, *, include_usage: bool = False, after: Sequence[int] = ()
) -> AsyncGenerator[bytes, None]:
    """The SSE frames. A failure is an `error` event, never just an end.

    A frame's id tells how many chunks of each choice it completes; `after` is what such an id said.
    """
    seqs = list(after) or [-1] * len(rows)
    usage: dict[str, Any] = {"usage": None} if include_usage else {}
    ends: dict[int, End] = {}

    def chunk(number: int, choice: dict[str, Any], **more: Any) -> dict[str, Any]:
        return shape.envelope(rows, shape.chunk, [{"index": number} | choice]) | usage | more

    if shape.is_chat and not after:
        for number in range(len(rows)):
            yield encode_frame(chunk(number, shape.first()))
    async with aclosing(read_choices(rows, list(seqs))) as events:
        async for number, event in events:
            for frame in _frames(rows[number], shape, event, number, seqs, chunk):
                yield frame
            if isinstance(event, GenerationFailed):
                return
            if isinstance(event, End):
                ends[number] = event
    if include_usage:
        yield encode_frame(shape.envelope(rows, shape.chunk, []) | {"usage": total_usage(rows, ends)})
    yield DONE


def _frames(
    row: Generation, shape: Shape, event: ChoiceEvent, number: int, seqs: list[int], chunk: Any
) -> Iterator[bytes]:
    match event:
        case Step(seq=seq):
            *before, last = [chunk(number, delta) for delta in shape.deltas(row, event)]
            yield from map(encode_frame, before)
            seqs[number] = seqs[number] if seq is None else seq
            yield encode_frame(last, seq=write_cursor(seqs))
        case End():
            timings = timings_of(event.event.usage, event.event.metrics)
            yield encode_frame(chunk(number, shape.last(event), timings=timings))
        case GenerationFailed(error=error):
            yield encode_frame({"error": failure(error, shape.field)[1]}, event="error")


def write_cursor(seqs: Sequence[int]) -> str:
    """The id of a frame: the last chunk of each choice, with -1 before its first."""
    return ",".join(map(str, seqs))


def whole_reply(wholes: Sequence[Whole], shape: Shape) -> dict[str, Any]:
    """The body of a reply that was waited for, all of whose choices have ended."""
    rows = [whole.row for whole in wholes]
    ends = {number: whole.end for number, whole in enumerate(wholes) if whole.end is not None}
    choices = [shape.full(wholes[number], end) for number, end in ends.items()]
    first = ends[0].event
    return shape.envelope(rows, shape.whole, choices) | {
        "usage": total_usage(rows, ends),
        "timings": timings_of(first.usage, first.metrics),
    }


def total_usage(rows: Sequence[Generation], ends: Mapping[int, End]) -> dict[str, Any]:
    """Tokens of all choices; a prompt that several of them share counts once."""
    prompts = {rows[number].message.parent_id: end.event.usage for number, end in ends.items()}
    prompt = sum(usage.prompt_tokens for usage in prompts.values())
    completion = sum(end.event.usage.completion_tokens for end in ends.values())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(usage.cached_tokens for usage in prompts.values())}
        | _dropped(prompts.values()),
    }


def _dropped(usages: Iterable[UsageView]) -> dict[str, Any]:
    """What context policies left out, where they left something out: the first prompt's."""
    found = next((usage.dropped for usage in usages if usage.dropped), None)
    return {"dropped": msgspec.structs.asdict(found)} if found else {}


def timings_of(usage: UsageView, metrics: GenerationMetrics) -> dict[str, Any]:
    """As llama-server has them, as far as they are known. Waiting in the queue is in none of them."""
    first = metrics.ttft_ms if metrics.ttft_ms is not None else metrics.response_time_ms
    computed, tokens = usage.prompt_tokens - usage.cached_tokens, usage.completion_tokens
    prompt_ms = max(0, first - metrics.queue_ms)
    predicted_ms = max(0, metrics.response_time_ms - first)
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": computed,
        "prompt_ms": prompt_ms,
        "prompt_per_token_ms": round(prompt_ms / computed, 2) if computed else None,
        "prompt_per_second": round(computed * 1000 / prompt_ms, 2) if prompt_ms else None,
        "predicted_n": tokens,
        "predicted_ms": predicted_ms,
        "predicted_per_token_ms": round(predicted_ms / tokens, 2) if tokens else None,
        "predicted_per_second": metrics.tokens_per_second,
    }


def _called(index: int, call: dict[str, Any]) -> dict[str, Any]:
    return {"delta": {"tool_calls": [{"index": index} | call]}}


def _function(call: dict[str, Any]) -> dict[str, Any]:
    return {"name": call["name"], "arguments": call["arguments"]}

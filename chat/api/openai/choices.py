"""One generation as OpenAI's APIs see it: what is said, which functions are called, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from chat.models import Generation
from chat.realtime.database import in_database
from chat.realtime.protocol.events import DeltaEvent, GenerationFailed, GenerationFinished, MessageUpdate
from chat.realtime.protocol.views import TokenLogprob
from chat.realtime.stream import follow_generation
from chat.selectors.generations import next_event
from chat.selectors.tool_calls import call_id, find_syntax
from inference.tool_calls import Argued, Called, Part, Said, ToolCallParser


@dataclass(frozen=True)
class Step:
    """What one chunk says; `seq` is its number, if it has one of its own."""

    seq: int | None
    parts: Sequence[Part]
    logprobs: list[TokenLogprob] | None = None


@dataclass(frozen=True)
class End:
    """How a choice ended. `called` tells whether it called functions."""

    event: GenerationFinished
    called: bool

    @property
    def finish_reason(self) -> str:
        """One that clients know."""
        reason = FINISH_REASONS.get(self.event.finish_reason, self.event.finish_reason)
        return "tool_calls" if self.called and reason == "stop" else reason


FINISH_REASONS = {"timeout": "length", "cancelled": "stop"}

ChoiceEvent = Step | End | GenerationFailed


class _Reader:
    """Parses the chunks of a reply that may call functions; passes those of others on."""

    def __init__(self, row: Generation) -> None:
        self.may_call = bool(row.options.get("tools"))
        self._row = row
        self._parser: ToolCallParser | None = None
        self.called = False

    async def read(self, text: str) -> list[Part]:
        if not self.may_call:
            return [Said(text)] if text else []
        if self._parser is None:
            syntax = await in_database(find_syntax)(self._row.id)  # known once the reply has begun
            if syntax is None:
                self.may_call = False
                return await self.read(text)
            self._parser = ToolCallParser(syntax)
        return self._note(self._parser.feed(text))

    def finish(self) -> list[Part]:
        return self._note(self._parser.finish()) if self._parser else []

    def _note(self, parts: list[Part]) -> list[Part]:
        self.called = self.called or any(isinstance(part, Called) for part in parts)
        return parts


async def read_choice(row: Generation, *, after_seq: int = -1) -> AsyncGenerator[ChoiceEvent, None]:
    """The steps after chunk `after_seq`, then the end or a failure.

    Where functions may be called the reply is read from its beginning: only so its parts are known.
    """
    reader = _Reader(row)
    start = -1 if reader.may_call else after_seq
    told = next_event(row) if row.is_new else None
    async with aclosing(follow_generation(row.id, after_seq=start, told=told)) as events:
        async for event in events:
            match event:
                case DeltaEvent(seq=seq, text=text, logprobs=logprobs):
                    parts = await reader.read(text)
                    if seq > after_seq and (parts or logprobs):
                        yield Step(seq, parts, logprobs)
                case MessageUpdate(message=message):
                    yield Step(None, await reader.read(message.content))
                case GenerationFinished():
                    if rest := reader.finish():
                        yield Step(None, rest)
                    yield End(event, reader.called)
                case GenerationFailed():
                    yield event


async def read_choices(
    rows: Sequence[Generation], after: Sequence[int]
) -> AsyncGenerator[tuple[int, ChoiceEvent], None]:
    """The events of several choices as they come, with the choice's number."""
    if len(rows) == 1:  # most have one, which needs no tasks
        async with aclosing(read_choice(rows[0], after_seq=after[0])) as events:
            async for event in events:
                yield 0, event
        return
    streams = [read_choice(row, after_seq=seq) for row, seq in zip(rows, after, strict=True)]
    pending = {asyncio.create_task(_next(stream)): number for number, stream in enumerate(streams)}
    try:
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number, event = pending.pop(task), task.result()
                if isinstance(event, Step):
                    pending[asyncio.create_task(_next(streams[number]))] = number
                yield number, event
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for stream in streams:
            await stream.aclose()


async def _next(stream: AsyncGenerator[ChoiceEvent, None]) -> ChoiceEvent:
    return await anext(stream)


@dataclass
class Whole:
    """A choice that was waited for."""

    row: Generation
    text: str = ""
    logprobs: list[TokenLogprob] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    end: End | None = None
    failure: GenerationFailed | None = None

    def take(self, event: ChoiceEvent) -> None:
        """Add what happened."""
        match event:
            case Step(parts=parts, logprobs=logprobs):
                self.logprobs += logprobs or []
                for part in parts:
                    self._add(part)
            case End():
                self.end = event
            case GenerationFailed():
                self.failure = event

    def _add(self, part: Part) -> None:
        match part:
            case Said(text=text):
                self.text += text
            case Called(index=index, name=name):
                self.calls.append({"id": call_id(self.row.id, index), "name": name, "arguments": ""})
            case Argued(fragment=fragment):
                self.calls[-1]["arguments"] += fragment


async def wait_for_choices(rows: Sequence[Generation]) -> list[Whole]:
    """All choices, each to its end or failure."""
    wholes = [Whole(row) for row in rows]
    async with aclosing(read_choices(rows, [-1] * len(rows))) as events:
        async for number, event in events:
            wholes[number].take(event)
    return wholes

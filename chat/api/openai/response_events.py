"""The stream of a response: numbered events, the same at every reading as long as its chunks are kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from chat.api.openai.choices import ChoiceEvent, End, Step, Whole, read_choice
from chat.api.openai.errors import failure
from chat.api.openai.logprobs import chat_logprobs
from chat.api.openai.response_objects import (
    FIELD,
    call_item,
    ended_response,
    failed_response,
    how_it_ended,
    message_item,
    output_items,
    response_object,
    text_part,
)
from chat.api.sse import encode_frame
from chat.models import Generation
from chat.realtime.protocol.events import GenerationFailed
from chat.realtime.protocol.views import TokenLogprob
from inference.tool_calls import Argued, Called, Part, Said

Fields = dict[str, Any]


async def response_frames(row: Generation, *, after: int = -1) -> AsyncGenerator[bytes, None]:
    """The SSE frames of the events after number `after`; a frame's id is its event's number."""
    teller = Teller(row)
    number = -1
    async with aclosing(_all_events(row, teller)) as events:
        async for kind, fields in events:
            number += 1
            if number > after:
                yield encode_frame(
                    {"type": kind, "sequence_number": number, **fields}, seq=number, event=kind
                )


async def _all_events(row: Generation, teller: Teller) -> AsyncGenerator[tuple[str, Fields], None]:
    begun = response_object(row, status="in_progress")
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    async with aclosing(read_choice(row)) as events:
        async for event in events:
            for told in teller.tell(event):
                yield told


class Teller:
    """Turns what a choice says into events: items are added, grow, and are done, one after the other."""

    def __init__(self, row: Generation) -> None:
        self._row = row
        self._whole = Whole(row)
        self._open: Fields | None = None
        self._items = 0

    def tell(self, event: ChoiceEvent) -> Iterator[tuple[str, Fields]]:
        """The events that follow from what happened."""
        match event:
            case Step(parts=parts, logprobs=logprobs):
                self._whole.take(Step(None, [], logprobs))
                for at, part in enumerate(parts):
                    yield from self._part(part, logprobs if at == 0 else None)
                    self._whole.take(Step(None, [part]))
            case End():
                yield from self._end(event)
            case GenerationFailed():
                yield from self._fail(event)

    def _part(self, part: Part, logprobs: list[TokenLogprob] | None) -> Iterator[tuple[str, Fields]]:
        match part:
            case Said(text=text):
                if self._open is None or self._open["type"] != "message":
                    yield from self._open_message()
                entries = chat_logprobs(logprobs or [])["content"]
                yield "response.output_text.delta", self._where() | {"delta": text, "logprobs": entries}
            case Called(index=index, name=name):
                yield from self._close("completed")
                yield from self._open_item(call_item(self._row, index, name, "in_progress", ""))
            case Argued(fragment=fragment):
                place = self._where(has_content=False)
                yield "response.function_call_arguments.delta", place | {"delta": fragment}

    def _end(self, end: End) -> Iterator[tuple[str, Fields]]:
        status, _ = how_it_ended(end)
        if self._items == 0:
            yield from self._open_message()
        yield from self._close("completed" if status == "completed" else "incomplete")
        self._whole.take(end)
        # There is no event for a cancelled response: its status says so.
        kind = "response.completed" if status == "completed" else "response.incomplete"
        yield kind, {"response": ended_response(self._row, self._whole)}

    def _fail(self, failed: GenerationFailed) -> Iterator[tuple[str, Fields]]:
        error = failure(failed.error, FIELD)[1]
        yield "error", {name: error[name] for name in ("code", "message", "param")}
        items = output_items(self._whole, "incomplete") if self._items else []
        yield "response.failed", {"response": failed_response(self._row, failed, items)}

    def _open_message(self) -> Iterator[tuple[str, Fields]]:
        yield from self._close("completed")
        yield from self._open_item(message_item(self._row, "in_progress", []))
        yield "response.content_part.added", self._where() | {"part": text_part("")}

    def _open_item(self, item: Fields) -> Iterator[tuple[str, Fields]]:
        self._open = item
        self._items += 1
        yield "response.output_item.added", {"output_index": self._items - 1, "item": item}

    def _close(self, status: str) -> Iterator[tuple[str, Fields]]:
        if self._open is None:
            return
        item = output_items(self._whole, status)[self._items - 1]
        if item["type"] == "message":
            part = item["content"][0]
            done = {"text": part["text"], "logprobs": part["logprobs"]}
            yield "response.output_text.done", self._where() | done
            yield "response.content_part.done", self._where() | {"part": part}
        else:
            place = self._where(has_content=False) | {"name": item["name"]}
            yield "response.function_call_arguments.done", place | {"arguments": item["arguments"]}
        yield "response.output_item.done", {"output_index": self._items - 1, "item": item}
        self._open = None

    def _where(self, *, has_content: bool = True) -> Fields:
        assert self._open is not None  # noqa: S101  parts belong to items
        place: Fields = {"item_id": self._open["id"], "output_index": self._items - 1}
        return place | ({"content_index": 0} if has_content else {})

"""`responses`: created, streamed, continued, fetched, stopped and deleted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router

from chat.api.auth import ASYNC_LOGGED_IN
from chat.api.document import EVENTS, documented
from chat.api.errors import fields_named
from chat.api.openai.choices import wait_for_choices
from chat.api.openai.documents import DeletedOut, ItemsOut, ResponseOut, answers
from chat.api.openai.errors import BROKEN, Refusal, failure
from chat.api.openai.files import listing
from chat.api.openai.options import response_options
from chat.api.openai.requests import ACCEPTED, find_turn, last_cursor, start_turn
from chat.api.openai.response_events import response_frames
from chat.api.openai.response_objects import FIELD, KIND, PREFIX, ended_response, response_object
from chat.api.openai.response_schemas import ResponseRequest, TextFormat, input_messages
from chat.api.replies import reply_headers
from chat.api.sse import MAX_SEQ, stream_response
from chat.models import Generation
from chat.realtime.database import in_database
from chat.selectors.input_items import input_items
from chat.services.errors import NotFound
from chat.services.generations import request_cancel
from chat.services.programs import forget_generation
from inference.types.errors import Reason

router = Router(tags=["responses"], auth=ASYNC_LOGGED_IN)

NAMES = {"options.response_format": "text.format", "options.system_prompt": "instructions"}
"""What responses call a turn's options."""


@router.post(
    "responses",
    summary="Create a response",
    response=answers(ResponseOut),
    openapi_extra=documented(EVENTS),
)
async def create_response(request: HttpRequest, body: ResponseRequest) -> Any:
    """As OpenAI's. A stream that was lost goes on at `GET responses/{id}?stream=true&starting_after=N`."""
    if body.background and body.store is False:
        raise Refusal("'background' needs 'store': nobody could fetch the response.", param="store")
    after = await _previous(request, body.previous_response_id)
    with fields_named(NAMES):
        (row,) = await start_turn(
            request,
            conversations=[input_messages(body.input)],
            field_name=FIELD,
            model=body.model,
            options=response_options(body),
            after=after,
            is_stored=body.store is not False,
            notes=_notes(body),
        )
    if body.stream:
        return stream_response(response_frames(row), reply_headers(row) | ACCEPTED, broken=BROKEN)
    if body.background:
        return _with_headers(JsonResponse(response_object(row)), row)
    return await _whole(row)


@router.get(
    "responses/{response_id}",
    summary="A response",
    response=answers(ResponseOut),
    openapi_extra=documented(EVENTS),
)
async def get_response(
    request: HttpRequest, response_id: str, stream: bool = False, starting_after: int | None = None
) -> Any:
    """As it stands, or with `stream` its events after number `starting_after`, or after `Last-Event-ID`."""
    row = await _find(request, response_id)
    if not stream:
        return JsonResponse(await _state(row))
    (after,) = last_cursor(request, 1) or [-1 if starting_after is None else starting_after]
    frames = response_frames(row, after=min(after, MAX_SEQ))
    return stream_response(frames, reply_headers(row), broken=BROKEN)


@router.delete(
    "responses/{response_id}",
    summary="Delete a response",
    response=answers(DeletedOut),
)
async def delete_response(request: HttpRequest, response_id: str) -> Any:
    """It can no longer be fetched or continued."""
    row = await _find(request, response_id)
    await in_database(forget_generation)(generation=row)
    return JsonResponse({"id": response_id, "object": "response.deleted", "deleted": True})


@router.post(
    "responses/{response_id}/cancel",
    summary="Stop a response",
    response=answers(ResponseOut),
)
async def cancel_response(request: HttpRequest, response_id: str) -> Any:
    """Only those made with `background`, as OpenAI has it; one that has ended stays as it is."""
    row = await _find(request, response_id)
    if not row.message.metadata.get("background"):
        raise Refusal("Only responses with background=true can be cancelled.", param="response_id")
    if await in_database(request_cancel)(generation_id=row.id):
        await wait_for_choices([row])
    return JsonResponse(await _state(await _find(request, response_id)))


@router.get(
    "responses/{response_id}/input_items",
    summary="A response's input",
    response=answers(ItemsOut),
)
async def get_input_items(
    request: HttpRequest,
    response_id: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Any:
    """The messages, calls and results it answered, the last one first; `after` is the last id of a page."""
    row = await _find(request, response_id)
    items = await in_database(input_items)(row)
    rest = _items_after(items[::-1] if order == "desc" else items, after)
    return JsonResponse(listing(rest[:limit], has_more=len(rest) > limit))


def _items_after(items: list[dict[str, Any]], identity: str | None) -> list[dict[str, Any]]:
    if not identity:
        return items
    at = next((at for at, item in enumerate(items) if item["id"] == identity), None)
    if at is None:
        why = Reason("The response has no input item '%(id)s'.", {"id": identity[:100]})
        raise Refusal(why, param="after")
    return items[at + 1 :]


async def _previous(request: HttpRequest, identity: str | None) -> Generation | None:
    if identity is None:
        return None
    try:
        return await _find(request, identity)
    except NotFound:
        why = Reason("Previous response with id '%(id)s' not found.", {"id": identity[:100]})
        raise Refusal(why, param="previous_response_id", code="previous_response_not_found") from None


async def _find(request: HttpRequest, identity: str) -> Generation:
    (row,) = await find_turn(request, identity, prefix=PREFIX, kind=KIND)
    return row


async def _whole(row: Generation) -> HttpResponseBase:
    (whole,) = await wait_for_choices([row])
    if whole.failure is not None:
        status, error = failure(whole.failure.error, FIELD)
        return _with_headers(JsonResponse({"error": error}, status=status), row)
    return _with_headers(JsonResponse(ended_response(row, whole)), row)


async def _state(row: Generation) -> dict[str, Any]:
    if row.is_active:
        return response_object(row)
    (whole,) = await wait_for_choices([row])
    return ended_response(row, whole)


def _with_headers(response: JsonResponse, row: Generation) -> HttpResponseBase:
    for name, value in (reply_headers(row) | ACCEPTED).items():
        response[name] = value
    return response


def _notes(body: ResponseRequest) -> dict[str, Any]:
    """What the response says of its request, beyond a generation's options."""
    wanted = (body.text and body.text.format) or TextFormat()
    return {
        "kind": KIND,
        "metadata": body.metadata or {},
        "background": bool(body.background),
        "previous_response_id": body.previous_response_id,
        "tool_choice": body.tool_choice or "auto",
        "format": wanted.model_dump(by_alias=True, exclude_none=True),
    }

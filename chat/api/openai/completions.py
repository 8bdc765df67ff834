"""`chat/completions` and `completions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Router

from chat.api.auth import ASYNC_LOGGED_IN
from chat.api.document import EVENTS, documented
from chat.api.openai.choices import wait_for_choices
from chat.api.openai.documents import ChatCompletionOut, TextCompletionOut, answers
from chat.api.openai.errors import BROKEN, Refusal, failure
from chat.api.openai.messages import conversation
from chat.api.openai.options import chat_options, text_options
from chat.api.openai.replies import CHAT, TEXT, Shape, reply_chunks, whole_reply
from chat.api.openai.requests import ACCEPTED, find_turn, last_cursor, start_turn
from chat.api.openai.schemas import ChatRequest, CompletionRequest, Sampling
from chat.api.replies import reply_headers
from chat.api.sse import stream_response
from chat.models import Generation
from inference.types.prompts import PromptMessage

router = Router(tags=["completions"], auth=ASYNC_LOGGED_IN)

RAW = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@router.post(
    "chat/completions",
    summary="Chat completion",
    response=answers(ChatCompletionOut),
    openapi_extra=documented(EVENTS),
)
async def chat_completions(request: HttpRequest, body: ChatRequest) -> Any:
    """As OpenAI's. A stream that was lost goes on at `GET chat/completions/{id}?stream=true`."""
    rows = await start_turn(
        request,
        conversations=[conversation(body.messages)],
        model=body.model,
        options=chat_options(body),
        choices=body.n or 1,
        is_stored=body.store is not False,
        notes={"kind": CHAT.whole, "metadata": body.metadata or {}},
    )
    return await _answer(request, rows, CHAT, stream=bool(body.stream), include_usage=_wants_usage(body))


@router.get(
    "chat/completions/{completion_id}",
    summary="A chat completion",
    response=answers(ChatCompletionOut),
    openapi_extra=documented(EVENTS),
)
async def get_chat_completion(
    request: HttpRequest, completion_id: str, stream: bool = False, include_usage: bool = False
) -> Any:
    """Whole once it has ended, or with `stream` its chunks after those up to the event `Last-Event-ID`."""
    rows = await find_turn(request, completion_id, prefix="chatcmpl-", kind=CHAT.whole)
    return await _answer(request, rows, CHAT, stream=stream, include_usage=include_usage)


@router.post(
    "completions",
    summary="Completion",
    response=answers(TextCompletionOut),
    openapi_extra=documented(EVENTS),
)
async def completions(request: HttpRequest, body: CompletionRequest) -> Any:
    """As OpenAI's, for texts: the model goes on from each without a chat template."""
    rows = await start_turn(
        request,
        conversations=[[PromptMessage(role="user", content=text)] for text in prompts_of(body)],
        field_name=TEXT.field,
        model=body.model,
        options=text_options(body) | {"chat_template": RAW},
        choices=body.n or 1,
        notes={"kind": TEXT.whole},
    )
    return await _answer(request, rows, TEXT, stream=bool(body.stream), include_usage=_wants_usage(body))


@router.get(
    "completions/{completion_id}",
    summary="A completion",
    response=answers(TextCompletionOut),
    openapi_extra=documented(EVENTS),
)
async def get_completion(
    request: HttpRequest, completion_id: str, stream: bool = False, include_usage: bool = False
) -> Any:
    """Whole once it has ended, or with `stream` its chunks after those up to the event `Last-Event-ID`."""
    rows = await find_turn(request, completion_id, prefix="cmpl-", kind=TEXT.whole)
    return await _answer(request, rows, TEXT, stream=stream, include_usage=include_usage)


async def _answer(
    request: HttpRequest, rows: Sequence[Generation], shape: Shape, *, stream: bool, include_usage: bool
) -> HttpResponseBase:
    headers = reply_headers(rows[0]) | ACCEPTED
    if stream:
        after = last_cursor(request, len(rows))
        chunks = reply_chunks(rows, shape, include_usage=include_usage, after=after)
        return stream_response(chunks, headers, broken=BROKEN)
    response = await _wait(rows, shape)
    for name, value in headers.items():
        response[name] = value
    return response


async def _wait(rows: Sequence[Generation], shape: Shape) -> HttpResponse:
    wholes = await wait_for_choices(rows)
    for whole in wholes:
        if whole.failure is not None:
            status, error = failure(whole.failure.error, shape.field)
            return JsonResponse({"error": error}, status=status)
    return JsonResponse(whole_reply(wholes, shape))


def prompts_of(body: CompletionRequest) -> list[str]:
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    texts = [prompt for prompt in prompts if isinstance(prompt, str)]
    if not texts or len(texts) < len(prompts):
        raise Refusal("'prompt' must be a text, or texts.", param="prompt", code="unsupported_value")
    return texts


def _wants_usage(body: Sampling) -> bool:
    return body.stream_options is not None and bool(body.stream_options.include_usage)

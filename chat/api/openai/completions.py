"""`chat/completions` and `completions`."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Router

from chat.api.auth import LOGGED_IN, user_of
from chat.api.openai.errors import Refusal, failure
from chat.api.openai.options import options_of
from chat.api.openai.replies import CHAT, TEXT, Shape, reply_chunks, whole_reply
from chat.api.openai.schemas import ChatRequest, CompletionRequest, MessageIn, Sampling
from chat.api.replies import reply_headers, wait_for_end
from chat.api.sse import stream_response
from chat.models import Generation
from chat.realtime.database import in_database
from chat.realtime.protocol import GenerationFailed
from chat.selectors.messages import find_message_view
from chat.services.programs import start_program_turn
from inference.types import PromptMessage, SpeakerRole

router = Router(tags=["completions"], auth=LOGGED_IN)

# Once accepted, a retry by the SDK would have the reply made twice; the reply itself can be fetched by id.
ACCEPTED = {"x-should-retry": "false"}
MAX_KEY_CHARS = 255
RAW = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@router.post("chat/completions", summary="Chat completion")
async def chat_completions(request: HttpRequest, body: ChatRequest) -> Any:
    """As OpenAI's. What is stored can be followed at `/api/v1/chat/generations/{x-generation-id}/stream`."""
    messages = [_message(message, number) for number, message in enumerate(body.messages)]
    return await _complete(request, body, CHAT, messages, options_of(body))


@router.post("completions", summary="Completion")
async def completions(request: HttpRequest, body: CompletionRequest) -> Any:
    """As OpenAI's, for one text: the model goes on from `prompt` without a chat template."""
    prompt = body.prompt[0] if isinstance(body.prompt, list) and len(body.prompt) == 1 else body.prompt
    if not isinstance(prompt, str):
        raise Refusal("'prompt' must be one text.", param="prompt", code="unsupported_value")
    options = options_of(body) | {"chat_template": RAW}
    return await _complete(request, body, TEXT, [PromptMessage(role="user", content=prompt)], options)


async def _complete(
    request: HttpRequest,
    body: Sampling,
    shape: Shape,
    messages: list[PromptMessage],
    options: dict[str, Any],
) -> HttpResponseBase:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY_CHARS:
        raise Refusal(f"Idempotency-Key has at most {MAX_KEY_CHARS} characters.", param="Idempotency-Key")
    turn = await in_database(start_program_turn)(
        user=user_of(request),
        messages=messages,
        model=body.model,
        options=options,
        idempotency_key=key or None,
        fingerprint=hashlib.sha256(request.path.encode() + request.body).hexdigest(),
    )
    headers = reply_headers(turn.generation) | ACCEPTED
    if body.stream:
        wants_usage = body.stream_options is not None and body.stream_options.include_usage
        return stream_response(reply_chunks(turn.generation, shape, include_usage=wants_usage), headers)
    response = await _wait(turn.generation, shape)
    for name, value in headers.items():
        response[name] = value
    return response


async def _wait(row: Generation, shape: Shape) -> HttpResponse:
    end = await wait_for_end(row.id)
    if isinstance(end, GenerationFailed):
        status, error = failure(end.error)
        return JsonResponse({"error": error}, status=status)
    view = await in_database(find_message_view)(row.message_id)
    return JsonResponse(whole_reply(row, shape, view.content if view is not None else "", end))


def _message(message: MessageIn, number: int) -> PromptMessage:
    param = f"messages[{number}]"
    if message.role in ("tool", "function") or message.tool_calls:
        raise Refusal("Tools are not supported here yet.", param=param, code="unsupported_value")
    role = "system" if message.role == "developer" else message.role
    if isinstance(message.content, list):
        content = "".join(part.text for part in message.content)
    else:
        content = message.content or ""
    return PromptMessage(role=cast(SpeakerRole, role), content=content)

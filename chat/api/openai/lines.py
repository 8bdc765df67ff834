"""A batch's lines in OpenAI's words: what a body asks, and what the files say of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from uuid import uuid5

import msgspec
import pydantic

from chat.api.openai.choices import End, Whole
from chat.api.openai.completions import RAW, prompts_of
from chat.api.openai.embeddings import EmbeddingRequest, embedding_body
from chat.api.openai.errors import Refusal, failure
from chat.api.openai.messages import conversation
from chat.api.openai.options import chat_options, text_options
from chat.api.openai.replies import CHAT, TEXT, Shape
from chat.api.openai.schemas import ChatRequest, CompletionRequest, Sampling
from chat.api.problems import locate, sentence_of
from chat.models import EMBEDDINGS, BatchJob, BatchLine, Generation, LineStatus
from chat.realtime.protocol.events import GenerationFinished
from chat.realtime.protocol.views import GenerationError, GenerationMetrics, TokenLogprob, UsageView
from chat.selectors.tool_calls import call_id
from chat.services.batches import LineAsk, LineRefused
from chat.services.embeddings import EmbeddingResult, check_inputs
from chat.services.options import validate_options
from chat.services.programs import check_conversations
from inference.tool_calls import SYNTAXES, read_reply
from inference.types.errors import Reason
from inference.types.prompts import PromptMessage

MAX_CHOICES = 128
BODIES: dict[str, type[ChatRequest | CompletionRequest]] = {
    "/v1/chat/completions": ChatRequest,
    "/v1/completions": CompletionRequest,
}
SHAPES: dict[str, Shape] = {"/v1/chat/completions": CHAT, "/v1/completions": TEXT}
FIELDS = {EMBEDDINGS: "input"} | {endpoint: shape.field for endpoint, shape in SHAPES.items()}


def read_body(endpoint: str, body: dict[str, Any]) -> LineAsk:
    """What a body asks for, by the endpoint's own schema. Raises `LineRefused` or a `ServiceError`."""
    try:
        if endpoint == EMBEDDINGS:
            return _embeddings(EmbeddingRequest.model_validate(body))
        asked = BODIES[endpoint].model_validate(body)
        if asked.stream:
            raise Refusal("'stream' is not possible in a batch.", param="stream", code="unsupported_value")
        conversations, options = _ask(asked)
    except pydantic.ValidationError as error:
        problem, param = locate([dict(each) | {"loc": ("", *each["loc"])} for each in error.errors()])
        raise LineRefused("invalid_request", sentence_of(problem), param=f"body.{param}") from error
    except Refusal as error:
        raise LineRefused(error.code or "invalid_request", error.said, param=f"body.{error.param}") from error
    check_conversations(conversations, field=FIELDS[endpoint])
    choices = asked.n or 1
    if len(conversations) * choices > MAX_CHOICES:
        why = Reason("A line has at most %(most)s choices.", {"most": MAX_CHOICES})
        raise LineRefused("invalid_request", why, param="body.n")
    checked = validate_options(options)
    return LineAsk(model=asked.model, conversations=conversations, options=checked, choices=choices)


def write_answer(job: BatchJob, line: BatchLine) -> dict[str, Any]:
    """What the output or the error file says of a line."""
    request_id = f"batch_req_{job.id.hex}{line.id:x}"
    said: dict[str, Any] = {"id": request_id, "custom_id": line.custom_id, "response": None, "error": None}
    if line.status == LineStatus.SUCCEEDED:
        said["response"] = {"status_code": 200, "request_id": request_id, "body": _body(job, line)}
    elif line.status == LineStatus.FAILED:
        error = GenerationError(code=line.error_code, message=line.error_message, retryable=False)
        status, described = failure(error, FIELDS[job.endpoint])
        said["response"] = {"status_code": status, "request_id": request_id, "body": {"error": described}}
    else:
        said["error"] = {"code": line.error_code, "message": line.error_message}
    return said


def _embeddings(asked: EmbeddingRequest) -> LineAsk:
    check_inputs(asked.inputs())
    options = {"as_base64": asked.encoding_format == "base64"}
    return LineAsk(model=asked.model, inputs=asked.inputs(), dimensions=asked.dimensions, options=options)


def _ask(asked: Sampling) -> tuple[Sequence[Sequence[PromptMessage]], dict[str, Any]]:
    if isinstance(asked, CompletionRequest):
        prompts = [[PromptMessage(role="user", content=text)] for text in prompts_of(asked)]
        return prompts, text_options(asked) | {"chat_template": RAW}
    assert isinstance(asked, ChatRequest)  # noqa: S101  there are no others
    return [conversation(asked.messages)], chat_options(asked)


def _body(job: BatchJob, line: BatchLine) -> Any:
    if job.endpoint == EMBEDDINGS:
        said = line.choices[0]
        vectors = [base64.b64decode(vector) for vector in said["vectors"]]
        result = EmbeddingResult(vectors=vectors, tokens=line.prompt_tokens)
        return msgspec.Raw(embedding_body(result, job.model, as_base64=said["as_base64"]))
    shape = SHAPES[job.endpoint]
    wholes = [_whole(job, line, index) for index in range(len(line.choices))]
    choices = [shape.full(whole, whole.end) for whole in wholes if whole.end is not None]
    return shape.envelope([whole.row for whole in wholes], shape.whole, choices) | {
        "usage": {
            "prompt_tokens": line.prompt_tokens,
            "completion_tokens": line.completion_tokens,
            "total_tokens": line.prompt_tokens + line.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": line.cached_tokens},
        },
    }


def _whole(job: BatchJob, line: BatchLine, index: int) -> Whole:
    """A line's choice as the API sees a generation's."""
    said = line.choices[index]
    logprobs = msgspec.convert(said.get("logprobs", []), list[TokenLogprob])
    row = Generation(
        id=uuid5(job.id, f"{line.id}/{index}"),
        created_at=line.finished_at or job.created_at,
        model=job.model,
        choice=index,
        options={"logprobs": bool(logprobs)},
    )
    whole = Whole(row, text=said["text"], logprobs=logprobs)
    if syntax := SYNTAXES.get(said.get("syntax", "")):
        whole.text, calls = read_reply(said["text"], syntax)
        whole.calls = [
            {"id": call_id(row.id, at), "name": call.name, "arguments": call.arguments}
            for at, call in enumerate(calls)
        ]
    whole.end = End(_finished(row, said["finish_reason"]), bool(whole.calls))
    return whole


def _finished(row: Generation, reason: str) -> GenerationFinished:
    return GenerationFinished(
        generation_id=str(row.id),
        message_id="",
        finish_reason=reason,
        last_seq=0,
        usage=UsageView(prompt_tokens=0, cached_tokens=0, completion_tokens=0, total_tokens=0),
        metrics=GenerationMetrics(queue_ms=0, ttft_ms=None, response_time_ms=0, tokens_per_second=None),
    )

"""What the answers look like, for the OpenAPI document: views write them as they are."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Schema


class ErrorBody(Schema):
    """What went wrong: `param` is the field, `code` stable for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorOut(Schema):
    """The body of every refusal."""

    error: ErrorBody


class ModelOut(Schema):
    """A model that can be asked for."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelsOut(Schema):
    """All of them."""

    object: Literal["list"]
    data: list[ModelOut]


class UsageOut(Schema):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]


class FunctionOut(Schema):
    """A function's name, and its arguments as JSON."""

    name: str
    arguments: str


class CallOut(Schema):
    """A call of a function."""

    id: str
    type: Literal["function"]
    function: FunctionOut


class MessageOut(Schema):
    """What the model said, and which functions it called."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[CallOut] = []


class ChoiceOut(Schema):
    """One of the choices."""

    index: int
    message: MessageOut
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]


class CompletionOut(Schema):
    """What both kinds of completion have; `timings` are llama-server's."""

    id: str
    created: int
    model: str
    usage: UsageOut
    timings: dict[str, float | None]


class ChatCompletionOut(CompletionOut):
    """A whole chat completion."""

    object: Literal["chat.completion"]
    choices: list[ChoiceOut]


class TextChoiceOut(Schema):
    """One of the choices."""

    index: int
    text: str
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length", "content_filter"]


class TextCompletionOut(CompletionOut):
    """A whole completion."""

    object: Literal["text_completion"]
    choices: list[TextChoiceOut]


class ResponseOut(Schema):
    """A response; see OpenAI's reference for its items."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["queued", "in_progress", "completed", "incomplete", "cancelled", "failed"]
    background: bool
    error: dict[str, Any] | None
    incomplete_details: dict[str, str] | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[dict[str, Any]]
    parallel_tool_calls: bool
    previous_response_id: str | None
    store: bool
    temperature: float | None
    top_p: float | None
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    usage: dict[str, Any] | None


class DeletedOut(Schema):
    """What was deleted."""

    id: str
    object: str
    deleted: bool


class PageOut(Schema):
    """One page of a list."""

    object: Literal["list"]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ItemsOut(PageOut):
    """A response's input."""

    data: list[dict[str, Any]]


class FileOut(Schema):
    """What is known of a file."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"]
    status_details: None


class FilesOut(PageOut):
    """Files."""

    data: list[FileOut]


class CountsOut(Schema):
    """Lines."""

    total: int
    completed: int
    failed: int


class BatchOut(Schema):
    """A batch; the last three fields are our own."""

    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: dict[str, Any] | None
    input_file_id: str | None
    completion_window: str
    status: str
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int | None
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: CountsOut
    usage: dict[str, Any]
    metadata: dict[str, str] | None
    is_paused: bool
    priority: int
    max_running: int | None


class BatchesOut(PageOut):
    """Batches."""

    data: list[BatchOut]


class EmbeddingOut(Schema):
    """One vector: its numbers, or as base64 those of 32 bits."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsOut(Schema):
    """Vectors in the order of their inputs."""

    object: Literal["list"]
    data: list[EmbeddingOut]
    model: str
    usage: dict[str, int]


REFUSALS = dict.fromkeys((400, 401, 403, 404, 409, 413, 415, 429, 500, 503), ErrorOut)


def answers(body: type[Schema]) -> dict[int, type[Schema]]:
    """The answers of an operation."""
    return {200: body, **REFUSALS}

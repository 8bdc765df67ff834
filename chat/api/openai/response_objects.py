"""A generation as a `response` object: its items, its state, and what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.api.openai.choices import End, Whole
from chat.api.openai.errors import failure
from chat.api.openai.logprobs import chat_logprobs
from chat.models import Generation, GenerationStatus
from chat.realtime.protocol.events import GenerationFailed
from chat.realtime.protocol.views import TokenLogprob, UsageView
from chat.selectors.tool_calls import call_id

KIND = "response"
FIELD = "input"
PREFIX = "resp_"
REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
STATES = {GenerationStatus.QUEUED: "queued", GenerationStatus.RUNNING: "in_progress"}


def response_object(row: Generation, output: Sequence[dict[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """The object with what was asked for; `more` says where it stands."""
    options, notes = row.options, row.message.metadata
    tools = options.get("tools") or {}
    return {
        "id": f"{PREFIX}{row.id.hex}",
        "object": KIND,
        "created_at": int(row.created_at.timestamp()),
        "status": STATES.get(GenerationStatus(row.status), "in_progress"),
        "background": notes.get("background", False),
        "error": None,
        "incomplete_details": None,
        "instructions": options.get("system_prompt") or None,
        "max_output_tokens": options.get("max_tokens"),
        "metadata": notes.get("metadata", {}),
        "model": row.model,
        "output": list(output),
        "parallel_tool_calls": tools.get("parallel", True),
        "previous_response_id": notes.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "store": row.is_stored,
        "temperature": options.get("temperature"),
        "text": {"format": notes.get("format", {"type": "text"})},
        "tool_choice": notes.get("tool_choice", "auto"),
        "tools": [_tool(function) for function in tools.get("functions", [])],
        "top_logprobs": options.get("top_logprobs", 0),
        "top_p": options.get("top_p"),
        "truncation": "disabled",
        "usage": None,
    } | more


def ended_response(row: Generation, whole: Whole) -> dict[str, Any]:
    """The object of a response that has ended, one way or the other."""
    if whole.failure is not None:
        return failed_response(row, whole.failure, output_items(whole, "incomplete"))
    end = whole.end
    assert end is not None  # noqa: S101  it has ended
    status, details = how_it_ended(end)
    items = output_items(whole, "completed" if status == "completed" else "incomplete")
    return response_object(
        row, items, status=status, incomplete_details=details, usage=usage_of(end.event.usage)
    )


def failed_response(
    row: Generation, failed: GenerationFailed, output: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The object of a response that failed; OpenAI's clients know few codes."""
    status, error = failure(failed.error, FIELD)
    code = "invalid_prompt" if status == 400 else "server_error"
    return response_object(row, output, status="failed", error={"code": code, "message": error["message"]})


def how_it_ended(end: End) -> tuple[str, dict[str, str] | None]:
    """The status, and why it is not complete."""
    if end.event.finish_reason == "cancelled":
        return "cancelled", None
    reason = REASONS.get(end.finish_reason)
    return ("incomplete", {"reason": reason}) if reason else ("completed", None)


def output_items(whole: Whole, status: str) -> list[dict[str, Any]]:
    """The message, if something was said, and the calls."""
    items = []
    if whole.text or not whole.calls:
        wants = whole.row.options.get("logprobs")
        part = text_part(whole.text, whole.logprobs if wants else [])
        items.append(message_item(whole.row, status, [part]))
    for index, call in enumerate(whole.calls):
        items.append(call_item(whole.row, index, call["name"], status, call["arguments"]))
    return items


def message_item(row: Generation, status: str, content: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An output item that says something."""
    return {
        "id": f"msg_{row.id.hex}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(content),
    }


def call_item(row: Generation, index: int, name: str, status: str, arguments: str) -> dict[str, Any]:
    """An output item that calls a function."""
    called = call_id(row.id, index)
    return {
        "id": f"fc_{called.removeprefix('call_')}",
        "type": "function_call",
        "status": status,
        "call_id": called,
        "name": name,
        "arguments": arguments,
    }


def text_part(text: str, logprobs: Sequence[TokenLogprob] = ()) -> dict[str, Any]:
    """The content of a message."""
    entries = chat_logprobs(logprobs)["content"]
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": entries}


def usage_of(usage: UsageView) -> dict[str, Any]:
    """Tokens."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": function["name"],
        "description": function.get("description") or None,
        "parameters": function.get("parameters"),
        "strict": function.get("strict", False),
    }

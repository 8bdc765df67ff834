"""A conversation to prompt tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from inference.backends.base import SEPARATOR, Tokenizer
from inference.prompt.budget import check_length, check_size
from inference.prompt.sandbox import MAX_SIZE, PromptTooLongError
from inference.prompt.templates import render_prompt, resolve_template
from inference.tool_calls import (
    SYNTAXES,
    ToolSyntax,
    calls_grammar,
    native_syntax,
    plain_messages,
    template_variables,
)
from inference.types.errors import InferenceError
from inference.types.prompts import MAX_TEMPLATE, PreparedPrompt, PromptMessage
from inference.types.tools import ToolUse


def prepare_prompt(
    tokenizer: Tokenizer,
    messages: Sequence[PromptMessage],
    template: str,
    n_ctx: int,
    tools: ToolUse | None = None,
    written: str = "",
    *,
    shifts: bool = False,
) -> PreparedPrompt:
    """Render and tokenise; `template` is a choice as for `resolve_template`.

    Control tokens come from the template alone: their spellings inside messages are tokenised as plain text.
    A template that knows no tools, or in a way unknown here, gets plain messages that explain them.
    Where the context `shifts` what is `written` may be longer than the window.
    Raises `InferenceError` (`unknown_chat_template`, `chat_template_error`, `context_length_exceeded`,
    `invalid_schema` for a strict function's parameters, and `model_changed`: see `continue_with`).
    """
    chosen = resolve_template(template, tokenizer.chat_template)
    native = native_syntax(chosen.source)
    if native is None:
        messages = plain_messages(messages, tools)
    variables = template_variables(messages, tools if native else None, native)
    text = _render(tokenizer, chosen.source, variables, n_ctx)
    token_ids = tokenizer.tokenize(text)
    written_ids = continue_with(tokenizer, text, token_ids, written) if written else []
    check_length(len(token_ids) + (0 if shifts else len(written_ids)), n_ctx)
    prompt = PreparedPrompt(token_ids=token_ids, stop=chosen.stop, written_ids=written_ids, window=n_ctx)
    return prompt if tools is None else _with_calls(prompt, tokenizer, tools, native or SYNTAXES["hermes"])


def _render(tokenizer: Tokenizer, template: str, variables: dict[str, Any], n_ctx: int) -> str:
    variables = _disarm_all(variables, tokenizer)
    longest = tokenizer.longest_piece
    try:
        text = render_prompt(
            variables["messages"],
            template=template,
            tools=variables["tools"],
            bos_text=tokenizer.bos_text,
            eos_text=tokenizer.eos_text,
            max_size=_max_size(variables, longest * n_ctx),
        )
    except PromptTooLongError as error:
        check_size(error.beginning, longest, n_ctx)
        raise
    check_size(text, longest, n_ctx)
    return text


def continue_with(tokenizer: Tokenizer, prompt: str, prompt_ids: list[int], written: str) -> list[int]:
    """Token ids that say `written` and nothing else behind a prompt.

    Apart from the prompt first: what is computed for it stays of use. Some tokenizers begin every text with a
    space, and need to see what comes before. Raises `InferenceError` (`model_changed`) where there are none.
    """
    disarmed = disarm(written, tokenizer.control_texts)
    for joint in (SEPARATOR, ""):
        ids = tokenizer.tokenize(f"{prompt}{joint}{disarmed}")
        rest = ids[len(prompt_ids) :]
        if ids[: len(prompt_ids)] == prompt_ids and b"".join(map(tokenizer.piece, rest)) == written.encode():
            return rest
    message = "The model that began this reply is gone, and no other can go on with it. Please try again."
    raise InferenceError("model_changed", message, retryable=True)


def _with_calls(
    prompt: PreparedPrompt, tokenizer: Tokenizer, tools: ToolUse, syntax: ToolSyntax
) -> PreparedPrompt:
    silent = [text for text in syntax.tokens if text in tokenizer.control_texts]
    return msgspec.structs.replace(
        prompt,
        syntax=syntax.name,
        grammar=calls_grammar(tools, syntax),
        spelled_ids=tuple(tokenizer.tokenize(text)[-1] for text in silent),
    )


def _max_size(variables: dict[str, Any], window: int) -> int:
    """Characters that a rendering may need. At most every other one of them is a separator; and a template
    may shorten a conversation, quote it, or hold all of it at once on its way to a prompt that fits.
    """
    conversation = sum(map(len, _texts(variables)))
    return min(MAX_SIZE, 2 * max(conversation, window) + MAX_TEMPLATE)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _disarm_all(value: Any, tokenizer: Tokenizer) -> Any:
    if isinstance(value, str):
        return disarm(value, tokenizer.control_texts)
    if isinstance(value, dict):
        return {
            disarm(name, tokenizer.control_texts): _disarm_all(each, tokenizer)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_disarm_all(each, tokenizer) for each in value]
    return value


def disarm(text: str, control_texts: tuple[str, ...]) -> str:
    """Put a separator behind the first character of every control token's spelling."""
    text = text.replace(SEPARATOR, "\ufffd")
    if any(control in text for control in control_texts):
        text = _spellings(control_texts).sub(rf"\g<0>{SEPARATOR}", text)
    return text


@lru_cache(maxsize=8)
def _spellings(control_texts: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the first character of a spelling, overlapping ones included."""
    return re.compile(f"(?=(?:{'|'.join(map(re.escape, control_texts))})).", re.DOTALL)

"""Chat templates: which one applies, and messages to prompt text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Template, TemplateError

from inference.prompt.sandbox import MAX_SIZE, ChatEnvironment, render_bounded
from inference.types.errors import InferenceError, Reason
from inference.types.prompts import MAX_TEMPLATE


class ChatTemplate(NamedTuple):
    """Jinja text, and the strings that end a reply where the model has no token for it."""

    source: str
    stop: tuple[str, ...] = ()


CHATML = ChatTemplate(
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    ("<|im_end|>",),
)
LLAMA = ChatTemplate(  # Llama 3: https://github.com/meta-llama/llama-models, models/llama3/prompt_format.md
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{{ message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    ("<|eot_id|>",),
)
ALPACA = ChatTemplate(
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '### Instruction:\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ '### Response:\n' }}{% endif %}"
    "{{ message['content'] + '\n\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}",
    ("\n### Instruction:", "\n### Response:"),
)
PLAIN = ChatTemplate(
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
    ("\nUser:", "\nSystem:", "\nAssistant:"),
)
BUILTIN = {"chatml": CHATML, "llama": LLAMA, "alpaca": ALPACA, "plain": PLAIN}


def is_foreign(choice: str) -> bool:
    """Whether somebody wrote the template for one conversation: nobody knows how long it takes."""
    return bool(choice) and choice not in BUILTIN


def resolve_template(choice: str, gguf_template: str | None) -> ChatTemplate:
    """The template for a choice: "" for the model's own (else ChatML), a builtin's name, or Jinja text.

    Raises `InferenceError` (`unknown_chat_template`).
    """
    if not choice:
        return ChatTemplate(gguf_template) if gguf_template else CHATML
    if choice in BUILTIN:
        return BUILTIN[choice]
    if "{{" in choice or "{%" in choice:
        return ChatTemplate(choice)
    names = ", ".join(BUILTIN)
    raise InferenceError(
        "unknown_chat_template",
        Reason(
            "There is no chat template of that name. Choose %(names)s, or give Jinja text.", {"names": names}
        ),
    )


def check_template(choice: str) -> None:
    """Raises `InferenceError` for what makes no prompt: an unknown name, or text that is no Jinja."""
    source = resolve_template(choice, None).source
    try:
        ChatEnvironment().parse(source)
    except TemplateError as error:
        raise _template_error(str(error)) from error
    except RecursionError as error:
        raise _template_error("it needs too much memory") from error


def render_prompt(
    messages: Sequence[dict[str, Any]],
    *,
    template: str,
    tools: list[dict[str, Any]] | None = None,
    bos_text: str = "",
    eos_text: str = "",
    max_size: int = MAX_SIZE,
) -> str:
    """The prompt's text, of at most `max_size` characters, up to where the assistant speaks.

    Messages and tools are as `template_variables` makes them.

    Raises `InferenceError` (`chat_template_error`); a `PromptTooLongError` when it is longer.
    """
    variables = {
        "messages": messages,
        "bos_token": bos_text,
        "eos_token": eos_text,
        "add_generation_prompt": True,
        "tools": tools,
    }
    try:
        return render_bounded(_compile(template), variables, max_size)
    # Templates are foreign programs: beside jinja's own errors they raise whatever Python's operators do.
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _template_error(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise _template_error("it needs too much memory") from error


@lru_cache(maxsize=64)
def _compile(source: str) -> Template:
    if len(source) > MAX_TEMPLATE:
        raise TemplateError(f"it is longer than {MAX_TEMPLATE} characters")
    return ChatEnvironment().compile_bounded(source)


def _template_error(reason: str) -> InferenceError:
    told = " ".join(reason.split())[:300].rstrip(".")
    return InferenceError(
        "chat_template_error", Reason("The chat template cannot be used: %(reason)s.", {"reason": told})
    )

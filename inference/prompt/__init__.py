"""Messages to prompt tokens: pure functions of the conversation and the model's tokenizer."""

from inference.prompt.fitting import PromptMaker, TokenCounter
from inference.prompt.policies import UNCOUNTED, WITHOUT_COUNTING, ChosenContext, apply_policy
from inference.prompt.prepare import prepare_prompt
from inference.prompt.templates import (
    BUILTIN,
    ChatTemplate,
    check_template,
    is_foreign,
    render_prompt,
    resolve_template,
)

__all__ = [
    "BUILTIN",
    "UNCOUNTED",
    "WITHOUT_COUNTING",
    "ChatTemplate",
    "ChosenContext",
    "PromptMaker",
    "TokenCounter",
    "apply_policy",
    "check_template",
    "is_foreign",
    "prepare_prompt",
    "render_prompt",
    "resolve_template",
]

"""Messages to prompt tokens: pure functions of the conversation and the model's tokenizer."""

from inference.prompt.prepare import prepare_prompt
from inference.prompt.templates import BUILTIN, ChatTemplate, render_prompt, resolve_template

__all__ = ["BUILTIN", "ChatTemplate", "prepare_prompt", "render_prompt", "resolve_template"]

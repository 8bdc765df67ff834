"""Jinja for templates that strangers may write: no access to Python, and bounds on work and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, nodes, pass_context
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from inference.types.errors import InferenceError

MAX_STEPS = 200_000
MAX_SECONDS = 0.5
"""Of the thread's own time, so that a busy machine refuses nobody."""
MAX_SIZE = 8 * 1024 * 1024
"""Characters of a text, or entries of a list: the most that any conversation needs."""
MAX_INT_BITS = 256

_FILTERS = """
abs capitalize count d default dictsort e escape first float groupby int items last length list lower map max
min reject rejectattr reverse round safe select selectattr sort string sum title trim unique upper
"""
_UNBOUNDED_METHODS = """
center expandtabs format format_map join ljust rjust translate zfill
"""


class PromptTooLongError(InferenceError):
    """A rendering that was stopped; `beginning` is what there was of it."""

    def __init__(self, beginning: str) -> None:
        super().__init__("chat_template_error", "The chat template cannot be used: its result is too long.")
        self.beginning = beginning


class _Budget:
    """What one rendering may still use."""

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self._steps = MAX_STEPS
        self._deadline = time.thread_time() + MAX_SECONDS

    def spend(self) -> None:
        self._steps -= 1
        if self._steps < 0 or time.thread_time() > self._deadline:
            raise TemplateError("The template takes too many steps.")


_budget: ContextVar[_Budget] = ContextVar("budget")


class GenerationTag(Extension):
    """Passes `{% generation %}` blocks through; only training needs them."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The block's own nodes."""
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Bounds(NodeTransformer):
    """Wraps what loops run over and what `~` builds in the filters that bound them."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja's name
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "counted", [], [], None, None)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - jinja's name
        self.generic_visit(node)
        return nodes.Filter(node, "measured", [], [], None, None)


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """Jinja as chat templates expect it, counting loop turns and calls and bounding what grows.

    A template that wants more than a prompt could need gets a `TemplateError`. This is a first line of
    defence; the engine's process is the second.
    """

    intercepted_binops = frozenset(["*", "**", "%", "+"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols])
        self.filters = {name: self.filters[name] for name in _FILTERS.split()}
        self.filters |= {"tojson": _to_json, "join": _join, "replace": _replace, "indent": _indent}
        self.filters |= {"counted": _counted, "measured": _measured}
        for name in ("lipsum", "cycler", "joiner"):
            del self.globals[name]
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}

    def compile_bounded(self, source: str) -> Template:
        """Compile with every loop counted and every concatenation measured."""
        return self.from_string(_Bounds().visit(self.parse(source)))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Methods that blow a string up are out of bounds."""
        return attr not in _UNBOUNDED_METHODS.split() and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Without jinja's special way for `str.format`, which would pass by `is_safe_attribute`."""

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Count the call: recursive macros end."""
        _budget.get().spend()
        if getattr(__obj, "__name__", "") == "replace" and isinstance(getattr(__obj, "__self__", None), str):
            return _replace(__obj.__self__, *args, **kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse results no prompt needs."""
        if isinstance(left, int) and isinstance(right, int):
            _check_int(operator, left, right)
        elif operator == "*" and (isinstance(left, Sized) or isinstance(right, Sized)):
            sized, times = (left, right) if isinstance(left, Sized) else (right, left)
            _check_size(len(sized) * times)
        elif operator == "%" and isinstance(left, str):
            raise TemplateError("The % operator does not format text here.")
        elif operator == "+" and isinstance(left, Sized) and isinstance(right, Sized):
            _check_size(len(left) + len(right))
        return super().call_binop(context, operator, left, right)


def render_bounded(template: Template, variables: dict[str, Any], max_size: int = MAX_SIZE) -> str:
    """Render within the bounds. Raises `TemplateError` beyond them, and `PromptTooLongError` when it is the
    result, and not something on the way to it, that has more than `max_size` characters.
    """
    token = _budget.set(_Budget(max_size))
    try:
        parts: list[str] = []
        size = 0
        for part in template.generate(variables):
            parts.append(part)
            size += len(part)
            if size > max_size:
                raise PromptTooLongError("".join(parts))
        return "".join(parts)
    finally:
        _budget.reset(token)


def _check_size(size: int) -> None:
    if size > _budget.get().max_size:
        raise TemplateError("The template's result is too long.")


def _check_int(operator: str, left: int, right: int) -> None:
    bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
    if bits > MAX_INT_BITS:
        raise TemplateError("The template computes with too large a number.")


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        _budget.get().spend()
        yield item


@pass_context
def _measured(context: Context, text: str) -> str:
    _check_size(len(text))
    return text


def _replace(text: object, old: str, new: str, count: int = -1) -> str:
    text = str(text)
    _check_size(len(text) + text.count(old) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _join(items: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    parts: list[str] = []
    size = 0
    for item in items:
        _budget.get().spend()
        parts.append(str(item if attribute is None else item[attribute]))
        size += len(parts[-1]) + len(separator)
        _check_size(size)
    return separator.join(parts)


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    margin = width if isinstance(width, str) else " " * min(width, MAX_SIZE)
    _check_size(len(text) + (text.count("\n") + 1) * len(margin))
    lines = [margin + line if blank or line.strip() else line for line in text.split("\n")]
    return "\n".join(lines) if first else "\n".join(lines).removeprefix(margin)


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """As transformers renders it: not escaped for HTML, characters kept."""
    options = {"ensure_ascii": False} | options
    return json.dumps(value, indent=None if indent is None else min(indent, 8), **options)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)

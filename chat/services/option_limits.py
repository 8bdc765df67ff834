"""What the options of a turn may be for a model, for forms that let people choose them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from chat.models import LanguageModel
from chat.services.options import TurnOptions

CHOOSABLE = (
    *("temperature", "max_tokens", "top_p", "top_k", "min_p", "typical_p", "seed"),
    *("repeat_penalty", "presence_penalty", "frequency_penalty"),
    *("context_policy", "context_turns", "context_size", "retain_tokens", "compression_ratio"),
)
WITHIN_WINDOW = frozenset({"max_tokens", "context_size", "retain_tokens"})


@dataclass(frozen=True, kw_only=True)
class OptionLimits:
    """One option: `kind` is number, integer or choice; without a `default` nothing is set."""

    name: str
    kind: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


def list_option_limits(*, model: str) -> list[OptionLimits]:
    """The options that people choose; those that count tokens end at the model's window, if it is known."""
    window = LanguageModel.objects.filter(slug=model).values_list("context_length", flat=True).first()
    properties = msgspec.json.schema(TurnOptions)["$defs"][TurnOptions.__name__]["properties"]
    return [_limits(name, properties[name], window or None) for name in CHOOSABLE]


def _limits(name: str, said: dict[str, Any], window: int | None) -> OptionLimits:
    form = next((each for each in said.get("anyOf", ()) if each["type"] != "null"), said)
    if "enum" in form:
        return OptionLimits(name=name, kind="choice", default=said["default"], choices=tuple(form["enum"]))
    maximum = form["maximum"]
    if name in WITHIN_WINDOW and window is not None:
        maximum = min(maximum, window)
    default = said.get("default")
    return OptionLimits(
        name=name,
        kind=form["type"],
        default=min(default, maximum) if default is not None else None,
        minimum=form.get("minimum", form.get("exclusiveMinimum")),
        maximum=maximum,
    )

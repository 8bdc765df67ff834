"""What is wrong with a request, in words: `top_k must be an integer from 0 to 1000.`"""

from __future__ import annotations

import re

import msgspec
from msgspec import inspect

from inference.types.sampling import SamplingParams

_PLACE = re.compile(r" - at (?:`(?:key|value)` in )?`(\$[^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")


def find_contradiction(params: SamplingParams) -> str | None:
    """A sentence about options that are fine by themselves but cannot be combined."""
    constrained = params.grammar is not None or params.response_format.type != "text"
    if params.grammar is not None and params.response_format.type != "text":
        return "grammar and response_format cannot be combined."
    if constrained and (params.ignore_eos or params.min_tokens):
        return "ignore_eos and min_tokens cannot be combined with grammar or response_format."
    if params.response_format.type == "json_schema" and params.response_format.schema is None:
        return "response_format needs a schema."
    if params.top_logprobs and not params.logprobs:
        return "top_logprobs needs logprobs."
    return None


def explain_refusal(error: msgspec.ValidationError, kind: type[msgspec.Struct]) -> tuple[str, str]:
    """The field that made `msgspec.convert(…, kind)` fail and a sentence that names it and its range."""
    message = str(error)
    if unknown := _UNKNOWN.search(message):
        return unknown[1], f"{unknown[1]} is not an option."
    if missing := _MISSING.search(message):
        return missing[1], f"{missing[1]} is missing."
    place = _PLACE.search(message)
    path = place[1] if place else "$"
    names = [name for name in _STEP.findall(path) if name]
    field = names[-1] if names else ""
    wanted = _find(inspect.type_info(kind), path)
    if isinstance(wanted, inspect.DictType) and "`key` in" in message:
        return field, f"Each key of {field} must be {_describe(_unwrap(wanted.key_type))}."
    each = "Each entry of " if path.endswith("]") else ""
    return field, f"{each}{field or 'The request'} must be {_describe(wanted)}."


def _find(info: inspect.Type, path: str) -> inspect.Type:
    for step in _STEP.finditer(path):
        info = _unwrap(info)
        if isinstance(info, inspect.StructType) and step[1]:
            info = next(field.type for field in info.fields if field.encode_name == step[1])
        elif isinstance(info, inspect.DictType):
            info = info.value_type
        elif isinstance(info, inspect.ListType | inspect.VarTupleType):
            info = info.item_type
    return _unwrap(info)


def _unwrap(info: inspect.Type) -> inspect.Type:
    """The one type of an optional value."""
    if isinstance(info, inspect.Metadata):
        return _unwrap(info.type)
    if isinstance(info, inspect.UnionType):
        kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        return _unwrap(kinds[0]) if len(kinds) == 1 else info
    return info


def _describe(info: inspect.Type) -> str:
    if isinstance(info, inspect.IntType):
        return f"an integer{_range(info)}"
    if isinstance(info, inspect.FloatType):
        return f"a number{_range(info)}"
    if isinstance(info, inspect.StrType):
        return f"a text{_size(info, 'characters')}"
    if isinstance(info, inspect.LiteralType):
        return f"one of {', '.join(map(str, info.values))}"
    if isinstance(info, inspect.BoolType):
        return "true or false"
    if isinstance(info, inspect.DictType | inspect.StructType | inspect.AnyType):
        return f"an object{_size(info, 'entries')}"
    return f"a list{_size(info, 'entries')}"


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    low = f"above {info.gt}" if info.gt is not None else f"from {info.ge}"
    if (info.gt is None and info.ge is None) or info.le is None:
        return ""
    return f" {low} {'up ' if info.gt is not None else ''}to {info.le}"


def _size(info: inspect.Type, unit: str) -> str:
    most = getattr(info, "max_length", None)
    least = getattr(info, "min_length", None)
    return "" if most is None else f" of {f'{least} to' if least else 'at most'} {most} {unit}"

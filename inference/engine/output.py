"""A reply that must fit a JSON schema is held back until it is whole and known to fit."""

# mypy: allow-untyped-calls
from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from inference.types.errors import InferenceError, Reason
from inference.types.events import Delta
from inference.types.forms import ResponseFormat
from inference.types.sampling import SamplingParams

MAX_TRIES = 3
RETRY_TEMPERATURE = 0.5
"""A greedy retry would say the same again."""

MAX_CHECK_S = 0.5
"""Processor time to check one text: alternatives in alternatives can need exponentially many steps."""

_check_until: ContextVar[float] = ContextVar("check_until")

INVALID_OUTPUT = InferenceError(
    "invalid_output",
    Reason(
        "The model gave no answer that fits the schema in %(tries)s tries. "
        "Allow more tokens or relax the schema.",
        {"tries": MAX_TRIES},
    ),
)


class Output:
    """What the reader is told of a reply's tokens, at once, or once a strict schema is satisfied."""

    def __init__(self, form: ResponseFormat, *, resumed: bool) -> None:
        self.tries = 1
        self._validator = None
        if form.type == "json_schema" and form.strict:
            validator = _validator(json.dumps(form.schema))
            self._validator = None if resumed else validator  # only a valid reply has left anything to resume
        self._takes_partial = form.partial
        self._held: list[Delta] = []

    @property
    def holds(self) -> bool:
        """Whether nothing has been released, nor may be yet."""
        return self._validator is not None

    @property
    def may_be_cut(self) -> bool:
        """Whether what is held may be released as it is, unfinished."""
        return self.holds and self._takes_partial and bool(self._held)

    def push(self, delta: Delta) -> Delta | None:
        """The event, or nothing while it is held."""
        if not self.holds:
            return delta
        self._held.append(delta)
        return None

    def release(self, rest: str, *, is_cut: bool) -> Delta | None:
        """All that was held, and `rest`, as one event; None when that is not valid, unless it was cut off and
        may be partial.
        """
        text = "".join(delta.text for delta in self._held) + rest
        if not (is_cut and self._takes_partial) and not _is_valid(self._validator, text):
            return None
        self._validator = None
        return Delta(
            request_id=self._held[0].request_id,
            token_ids=[token_id for delta in self._held for token_id in delta.token_ids],
            text=text,
            logprobs=[each for delta in self._held for each in delta.logprobs],
        )

    def try_again(self, params: SamplingParams) -> SamplingParams | None:
        """How to sample the next try, the same for every attempt; None after the last."""
        self._held.clear()
        self.tries += 1
        if self.tries > MAX_TRIES:
            return None
        return msgspec.structs.replace(
            params,
            seed=zlib.crc32(b"%d/try/%d" % (params.seed or 0, self.tries)),
            temperature=max(params.temperature, RETRY_TEMPERATURE),
        )


def _is_valid(validator: Any, text: str) -> bool:
    token = _check_until.set(time.thread_time() + MAX_CHECK_S)
    try:
        return bool(validator.is_valid(json.loads(text)))
    except (ValueError, ArithmeticError, RecursionError, Unresolvable):
        return False
    finally:
        _check_until.reset(token)


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    content = json.loads(schema)
    try:
        Draft202012Validator.check_schema(content)
    except (SchemaError, RecursionError) as error:
        reason = error.message[:200] if isinstance(error, SchemaError) else "it is nested too deeply"
        raise InferenceError(
            "invalid_schema", Reason("The schema is not valid: %(reason)s.", {"reason": reason})
        ) from error
    return _TimedValidator(content, registry=Registry())


def _timed(check: Callable[..., Iterable[Any] | None]) -> Callable[..., Iterable[Any] | None]:
    def timed(validator: Any, value: Any, instance: Any, schema: Any) -> Iterable[Any] | None:
        if time.thread_time() > _check_until.get():
            raise ArithmeticError("too many checks")
        return check(validator, value, instance, schema)

    return timed


def _ignored(validator: Any, value: Any, instance: Any, schema: Any) -> None:
    """The grammar sees to patterns; Python's regular expressions could take for ever."""


_TimedValidator = extend(
    Draft202012Validator,
    {word: _timed(check) for word, check in Draft202012Validator.VALIDATORS.items()} | {"pattern": _ignored},
)

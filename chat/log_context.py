"""Which request and which attempt a line of the log belongs to.

A request has the id that its caller gave in `X-Request-Id`, or a new one; it is in the response too.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as PlainJsonFormatter

ACCEPTED = re.compile(r"[\w.:-]{1,100}", re.ASCII)

_ids: ContextVar[Mapping[str, object]] = ContextVar("log_ids", default=MappingProxyType({}))


def begin_request(given: str) -> str:
    """The id of the request that begins here, whose caller gave this one. Lines have it from here on."""
    chosen = choose_id(given)
    _ids.set({"request_id": chosen})
    return chosen


def choose_id(given: str) -> str:
    """What the caller gave, if it can stand in a log; else a new id."""
    return given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex


@contextmanager
def logged_as(**ids: object) -> Iterator[None]:
    """Lines written inside have these ids beside those they had."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


class LogContextFilter(logging.Filter):
    """Gives every record its ids, each as an attribute, and together as `ids` for people to read."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Adds to the record; drops none."""
        ids = _ids.get()
        record.ids = " ".join(map(str, ids.values())) or "-"
        for name, value in ids.items():
            setattr(record, name, str(value) if name.endswith("_id") else value)
        return True


class JsonFormatter(PlainJsonFormatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the ids, and `exc_info` of a failure."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "timestamp": "time"},
            timestamp=True,
            reserved_attrs=[*RESERVED_ATTRS, "ids"],
        )

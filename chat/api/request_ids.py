"""The id of each request: the caller's own, or a new one; in the response, and in every line of the log."""

from __future__ import annotations

import logging
import re
import uuid
from contextvars import ContextVar

ACCEPTED = re.compile(r"[\w.:-]{1,100}", re.ASCII)

_current: ContextVar[str] = ContextVar("request_id", default="-")


def begin_request(given: str) -> str:
    """The id of the request that begins here, whose caller gave this one."""
    chosen = choose_id(given)
    _current.set(chosen)
    return chosen


def choose_id(given: str) -> str:
    """What the caller gave, if it can stand in a log; else a new id."""
    return given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex


class RequestIdFilter(logging.Filter):
    """Gives every record its `request_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Adds to the record; drops none."""
        record.request_id = _current.get()
        return True

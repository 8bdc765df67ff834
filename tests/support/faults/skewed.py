"""`python -m tests.support.faults.skewed SECONDS ARGS…`: `manage.py ARGS` with a wall clock that is wrong.

Everything that Python reads is wrong, in this process; monotonic time goes on as it should.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Sequence


def set_back_or_forward(seconds: float) -> None:
    """From now on the wall clock is that far ahead, or behind."""
    read = time.time
    time.time = lambda: read() + seconds
    time.time_ns = lambda: round((read() + seconds) * 1e9)

    class Skewed(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Skewed:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Skewed:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    datetime.datetime = Skewed  # type: ignore[misc]


def main(arguments: Sequence[str]) -> None:
    """Turn the clock, then run `manage.py`."""
    set_back_or_forward(float(arguments[0]))
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")
    execute_from_command_line(["manage.py", *arguments[1:]])


if __name__ == "__main__":
    main(sys.argv[1:])

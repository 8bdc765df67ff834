"""ORM calls from the event loop, on threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4
_executor = ThreadPoolExecutor(THREADS, thread_name_prefix="database")


def in_database(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The async form of a function that uses the ORM.

    Not on asgiref's one thread-sensitive thread: there every socket would wait for every other.
    """
    wrapped: Callable[P, Coroutine[Any, Any, R]] = DatabaseSyncToAsync(
        function, thread_sensitive=False, executor=_executor
    )
    return wrapped

"""ORM calls from the event loop, on threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync
from django.db import connections

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


def give_back() -> None:
    """Let go of this thread's connection, if it is not one that is kept: what follows may last."""
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block:
            each.close_if_unusable_or_obsolete()

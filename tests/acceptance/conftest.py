"""Stacks for whole turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.chat_client import create_api_key
from tests.support.stack import Stack, start_stack


@pytest.fixture(scope="session")
def sqlite_stack() -> Iterator[Stack]:
    """Parley on llama.cpp and SQLite, as `make run` starts it without any configuration."""
    with start_stack() as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def either_stack(request: pytest.FixtureRequest) -> Stack:
    """Parley on llama.cpp, on each database in turn."""
    if request.param == "sqlite":
        running: Stack = request.getfixturevalue("sqlite_stack")
    else:
        request.getfixturevalue("postgres_url")
        running = request.getfixturevalue("stack")
    return running


@pytest.fixture(scope="session")
def either_key(either_stack: Stack) -> str:
    """The administrator's key on `either_stack`."""
    return create_api_key(either_stack)


@pytest.fixture(scope="session")
def paced_key(paced_stack: Stack) -> str:
    """The administrator's key on `paced_stack`."""
    return create_api_key(paced_stack)

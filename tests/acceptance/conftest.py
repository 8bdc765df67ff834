"""Stacks for whole turns, and a browser with a chat on the paced one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.chat_client import create_api_key
from tests.support.chat_page import ChatPage, open_window, start_chromium
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def window(chromium: Browser, paced_stack: Stack) -> Iterator[BrowserContext]:
    with open_window(chromium, paced_stack) as context:
        yield context


@pytest.fixture(scope="module")
def tab(window: BrowserContext, paced_stack: Stack) -> ChatPage:
    return ChatPage.open(window).log_in(paced_stack)


@pytest.fixture
def chat(tab: ChatPage) -> Iterator[ChatPage]:
    """A fresh chat in the tab that all tests share; nothing may complain behind the scenes."""
    yield tab.start_chat("paced")
    assert tab.complaints == []

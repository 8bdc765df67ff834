"""Stacks for whole turns, and a browser with a chat, which the demo model answers."""

from __future__ import annotations

import os
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


@pytest.fixture(scope="session")
def demo_stack() -> Iterator[Stack]:
    """Parley on llama.cpp with the model that comes with it, small as it is for the titles it gives here."""
    url = os.environ.get("DATABASE_URL", "")
    with start_stack(AUTO_TITLES="1", DESCRIBING_MIN_MB="0", DATABASE_URL=url) as running:
        yield running


@pytest.fixture(scope="module")
def shown_stack(demo_stack: Stack) -> Stack:
    """The one that a file's browser looks at; where pace is the point, the file names the paced one."""
    return demo_stack


@pytest.fixture(scope="module")
def window(chromium: Browser, shown_stack: Stack) -> Iterator[BrowserContext]:
    with open_window(chromium, shown_stack) as context:
        yield context


@pytest.fixture(scope="module")
def tab(window: BrowserContext, shown_stack: Stack) -> ChatPage:
    return ChatPage.open(window).log_in(shown_stack)


@pytest.fixture
def chat(tab: ChatPage) -> Iterator[ChatPage]:
    """A fresh chat in the tab that all tests share; nothing may complain behind the scenes."""
    yield tab.start_chat()
    assert tab.complaints == []

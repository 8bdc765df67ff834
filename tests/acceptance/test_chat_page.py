"""What the chat page offers beside the conversation itself, in one browser on one stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.support.chat_page import PATIENCE_MS, ChatPage, open_window, start_chromium
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PACED = "paced"
SHORT = "Say something [[end after 5]]"


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
    yield tab.start_chat(PACED)
    assert tab.complaints == []


def test_a_judgement_is_still_ones_own_after_a_reload(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask(SHORT))
    good = chat.replies.last.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    chat.page.reload()
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "false")


def test_a_reply_that_was_stopped_goes_on_and_runs_again_exactly(chat: ChatPage) -> None:
    reply = chat.ask("Tell me something [[end after 60]]")
    chat.wait_for_more(reply, 50)
    chat.stop_button.click()
    half = chat.wait_for_end(reply, "cancelled")
    reply.get_by_role("button", name="Continue").click()
    assert chat.wait_for_more(reply, len(half)).startswith(half)
    expect(reply.locator(".progress")).to_contain_text("tokens")
    whole = chat.wait_for_end(reply)
    assert whole.startswith(half)
    reply.get_by_role("button", name="Details").click()
    reply.get_by_role("button", name="Run again exactly").click()
    expect(chat.replies.last.locator(".switcher")).to_contain_text("2/2", timeout=PATIENCE_MS)
    assert chat.wait_for_end(chat.replies.last) == whole
    expect(chat.page.locator(".context")).to_contain_text("tokens")

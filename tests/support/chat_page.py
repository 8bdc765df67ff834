"""The chat page in a real browser, in the words of somebody who uses it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect, sync_playwright

from tests.support.browser import HOW_TO_GET_IT, find_chromium
from tests.support.stack import DEMO_MODEL, Stack

QUIET = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
TEXT_OF = "article => article.closest('parley-message').text"
DEMO = DEMO_MODEL.stem
CONTROL = ("0", "1", "2")
ENDLESS = {"logit_bias": dict.fromkeys(CONTROL, -100), "context_shift": True, "max_tokens": 1_000_000}
"""With these settings the demo model says no control token, and writes until it is stopped."""

GROWN = "([article, length]) => article.closest('parley-message').text.length > length"


@contextlib.contextmanager
def start_chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window."""
    program = find_chromium()
    if program is None:
        pytest.fail(HOW_TO_GET_IT, pytrace=False)
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *root])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def open_window(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    """A window of its own, with cookies of its own."""
    context = browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


@dataclass
class ChatPage:
    """One tab. `complaints` collects what a user would never see but should not happen."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    deltas: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, path: str = "/") -> ChatPage:
        """A new tab."""
        chat = cls(context.new_page())
        chat.page.on("pageerror", lambda error: chat.complaints.append(str(error)))
        chat.page.on("dialog", lambda dialog: chat.complaints.append(f"dialog: {dialog.message}"))
        chat.page.on("console", chat._console)
        chat.page.on("websocket", chat._watch)
        chat.page.goto(path)
        return chat

    def log_in(self, stack: Stack) -> ChatPage:
        """Come in as the stack's administrator."""
        self.page.get_by_label("Username").fill(stack.username)
        self.page.get_by_label("Password").fill(stack.password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("button", name="New chat")).to_be_visible()
        return self

    def start_chat(self, model: str = "") -> ChatPage:
        """A new session, with the default model unless another one is named."""
        old = self.page.url
        if model:
            self.page.get_by_label("Model", exact=True).select_option(model)
        self.page.get_by_role("button", name="New chat").click()
        self.page.wait_for_url(lambda url: url != old and "/chat/" in url)
        return self.connected()

    def set_up(self, **settings: Any) -> ChatPage:
        """How replies in the open chat are made from now on."""
        call_api(self.page, "PUT", f"sessions/{self.session}", settings=settings)
        return self

    def connected(self) -> ChatPage:
        """Wait until the page says that it is."""
        expect(self.page.get_by_text("Connected", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        return self

    @property
    def session(self) -> str:
        """The open chat's id."""
        return self.page.url.rstrip("/").rsplit("/", 1)[-1]

    @property
    def box(self) -> Locator:
        """Where a message is written."""
        return self.page.get_by_role("textbox", name="Message")

    @property
    def stop_button(self) -> Locator:
        """Seen while a reply streams."""
        return self.page.get_by_role("button", name="Stop")

    @property
    def replies(self) -> Locator:
        """The model's messages."""
        return self.page.locator("article[data-role=assistant]")

    def ask(self, text: str) -> Locator:
        """Send a message; returns its reply's article."""
        before = self.replies.count()
        self.box.fill(text)
        self.page.get_by_role("button", name="Send").click()
        expect(self.replies).to_have_count(before + 1, timeout=PATIENCE_MS)
        return self.replies.last

    def text(self, reply: Locator) -> str:
        """What a reply says so far, before Markdown."""
        text: str = reply.evaluate(TEXT_OF)
        return text

    def wait_for_more(self, reply: Locator, length: int = 0) -> str:
        """The text once it is longer than `length` characters."""
        self.page.wait_for_function(GROWN, arg=[reply.element_handle(), length])
        return self.text(reply)

    def wait_for_end(self, reply: Locator, status: str = "complete") -> str:
        """The text once the reply has ended so."""
        expect(reply).to_have_attribute("data-status", status, timeout=2 * PATIENCE_MS)
        return self.text(reply)

    def transcript(self) -> list[dict[str, Any]]:
        """What the server has stored, through the page's own data."""
        response = self.page.request.get(f"{self.page.url}transcript/")
        messages: list[dict[str, Any]] = response.json()["messages"]
        return messages

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _watch(self, socket: WebSocket) -> None:
        def received(payload: str | bytes) -> None:
            frame = json.loads(payload)
            if frame["type"] == "delta":
                self.deltas.append(frame["text"])

        socket.on("framereceived", received)


def call_api(page: Page, method: str, path: str, **data: Any) -> Any:
    """What the chat API answers to whoever is logged in on the page."""
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    headers = {"X-CSRFToken": token, "Referer": page.url, "Content-Type": "application/json"}
    answer = page.request.fetch(f"/api/v1/chat/{path}", method=method, data=json.dumps(data), headers=headers)
    if not answer.ok:
        raise AssertionError(answer.text())
    return answer.json()


def message_id(article: Locator) -> str:
    """Of a message that the page shows."""
    found = article.get_attribute("data-message-id")
    assert found
    return found


def stored_text(stack: Stack, message_id: str) -> str:
    """A message as the database has it."""
    script = (
        "import json; from chat.models import ChatMessage; "
        f"print(json.dumps(ChatMessage.objects.get(id={message_id!r}).content))"
    )
    text: str = json.loads(stack.manage("shell", "-v", "0", "-c", script))
    return text

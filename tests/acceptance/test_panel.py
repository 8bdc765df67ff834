"""A chat panel on a page of another origin, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from tests.support.axe import violations
from tests.support.chat_page import DEMO, PATIENCE_MS
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

MAKE_PANEL = """
from chat.models import Panel, User
owner = User.objects.get(username="{owner}")
panel = Panel.objects.create(
    owner=owner, name="Help", llm_model="{model}", opening="What can I do?", allowed_origins=["{origin}"]
)
print(panel.id)
"""


class Shop(ThreadingHTTPServer):
    """Somebody else's page, with a content policy of its own; it loads the script that it is given."""

    script = ""

    @property
    def port(self) -> int:
        """Where it answers."""
        return int(self.server_address[1])


class Page(BaseHTTPRequestHandler):
    """One page for every path."""

    server: Shop

    def do_GET(self) -> None:
        """The page."""
        page = f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{self.server.script}"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def shop(demo_stack: Stack) -> Iterator[Shop]:
    """A shop at 127.0.0.1, whose panel may be shown there and nowhere else."""
    with Shop(("127.0.0.1", 0), Page) as server:
        origin = f"http://127.0.0.1:{server.port}"
        script = MAKE_PANEL.format(owner=demo_stack.username, origin=origin, model=DEMO)
        panel = demo_stack.manage("shell", "-v", "0", "-c", script).strip()
        server.script = f'<script defer src="{demo_stack.url}/embed.js" data-panel="{panel}"></script>'
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_visitor_of_another_site_chats_without_an_account(chromium: Browser, shop: Shop) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{shop.port}/")
        page.get_by_role("button", name="Chat").click()
        frame = page.frame_locator("iframe")
        expect(frame.locator("article")).to_contain_text("What can I do?", timeout=PATIENCE_MS)
        expect(frame.get_by_text("Connected", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        box = frame.get_by_role("textbox", name="Message")
        box.fill("Hello!")
        box.press("Enter")
        reply = frame.locator("article[data-role=assistant]").last
        expect(frame.locator("article")).to_have_count(3)
        expect(reply).to_have_attribute("data-status", "complete", timeout=PATIENCE_MS)
        expect(frame.get_by_role("button", name="Attach files")).to_have_count(0)
        expect(reply.get_by_role("button")).to_have_count(0)
        assert violations(page.frames[1]) == []
        page.reload()
        page.get_by_role("button", name="Chat").click()
        expect(frame.locator("article")).to_have_count(3)
        assert context.cookies() == []


def test_on_a_page_that_is_not_allowed_nothing_is_shown(chromium: Browser, shop: Shop) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto(f"http://localhost:{shop.port}/")
            page.get_by_role("button", name="Chat").click()
        expect(page.frame_locator("iframe").locator("article")).to_have_count(0)

"""Replies that have a middle, in a real browser: what a person sees, does and must not lose."""

from __future__ import annotations

import re
import signal
from itertools import groupby, pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, WebSocketRoute, expect

from tests.support.chat_page import (
    PATIENCE_MS,
    ChatPage,
    call_api,
    message_id,
    open_window,
    stored_text,
)
from tests.support.faults.cluster import find_process
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

RESTARTING = 1012
WATCH_SHIFTS = """() => {
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) shifts.push([
      shift.value, ...shift.sources.map(({node}) => node?.outerHTML?.slice(0, 120) ?? node?.nodeName)
    ]);
  }).observe({type: "layout-shift"});
}"""
NEXT_FRAME = "() => new Promise(requestAnimationFrame)"


@pytest.fixture(scope="module")
def shown_stack(paced_stack: Stack) -> Stack:
    """50 tokens a second: replies here must last a while, and how long is known."""
    return paced_stack


def test_text_grows_while_it_streams(chat: ChatPage) -> None:
    reply = chat.ask("Tell me something long.")
    seen = [chat.wait_for_more(reply)]
    for _ in range(4):
        seen.append(chat.wait_for_more(reply, len(seen[-1])))
        assert reply.get_attribute("data-status") == "streaming"
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    assert len(set(seen)) == 5
    chat.stop_button.click()
    chat.wait_for_end(reply, "cancelled")


def test_stop_keeps_what_was_written(chat: ChatPage) -> None:
    reply = chat.ask("Tell me something long.")
    chat.wait_for_more(reply, 50)
    chat.stop_button.click()
    shown = chat.wait_for_end(reply, "cancelled")
    expect(chat.stop_button).to_be_hidden()
    assert len(shown) > 50
    assert chat.transcript()[-1]["content"] == shown
    first = message_id(reply)
    chat.page.get_by_role("button", name="Try again").click()
    expect(chat.replies.last).not_to_have_attribute("data-message-id", first)
    chat.wait_for_more(chat.replies.last, 20)
    chat.stop_button.click()
    chat.wait_for_end(chat.replies.last, "cancelled")
    chat.page.get_by_role("button", name="Previous version").click()
    expect(chat.replies.last).to_have_attribute("data-message-id", first)
    assert chat.text(chat.replies.last) == shown


def test_a_reload_in_mid_reply_loses_and_repeats_nothing(chat: ChatPage, paced_stack: Stack) -> None:
    reply = chat.ask("Tell me something [[end after 400]]")
    before = chat.wait_for_more(reply, 100)
    chat.page.reload()
    chat.connected()
    reply = chat.replies.last
    after = chat.wait_for_more(reply, len(before))
    assert after.startswith(before)
    assert reply.get_attribute("data-status") == "streaming"
    shown = chat.wait_for_end(reply)
    assert shown.startswith(after)
    assert stored_text(paced_stack, message_id(reply)) == shown
    chat.page.reload()
    assert chat.text(chat.replies.last) == shown


def test_a_lost_connection_in_mid_reply_loses_and_repeats_nothing(
    chromium: Browser, paced_stack: Stack
) -> None:
    sockets: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    with open_window(chromium, paced_stack) as window:
        window.route_web_socket("**/websocket", relay)
        chat = ChatPage.open(window).log_in(paced_stack).start_chat()
        reply = chat.ask("Tell me something long.")
        before = chat.wait_for_more(reply, 100)
        connections = len(sockets)
        sockets[-1].close(code=RESTARTING)
        after = chat.wait_for_more(reply, len(before) + 100)
        assert len(sockets) == connections + 1
        assert after.startswith(before)
        chat.stop_button.click()
        shown = chat.wait_for_end(reply, "cancelled")
        assert chat.transcript()[-1]["content"] == shown


def test_the_page_follows_a_reply_until_the_reader_scrolls_up(chat: ChatPage) -> None:
    chat.page.set_viewport_size({"width": 1000, "height": 420})
    reply = chat.ask("Tell me something long.")
    pane = chat.page.locator(".transcript")
    from_end = "pane => pane.scrollHeight - pane.clientHeight - pane.scrollTop"
    chat.page.wait_for_function("pane => pane.scrollTop > 200", arg=pane.element_handle())
    assert pane.evaluate(from_end) < 48
    pane.hover()
    chat.page.mouse.wheel(0, -150)
    chat.page.wait_for_function(f"pane => ({from_end})(pane) > 100", arg=pane.element_handle())
    place = pane.evaluate("pane => pane.scrollTop")
    chat.wait_for_more(reply, len(chat.text(reply)) + 200)
    assert pane.evaluate("pane => pane.scrollTop") == place
    pane.evaluate("pane => pane.scrollTo(0, pane.scrollHeight)")
    height = pane.evaluate("pane => pane.scrollHeight")
    chat.page.wait_for_function(
        "([pane, height]) => pane.scrollHeight > height", arg=[pane.element_handle(), height]
    )
    chat.page.wait_for_function(f"pane => ({from_end})(pane) < 48", arg=pane.element_handle())
    chat.stop_button.click()
    chat.wait_for_end(reply, "cancelled")
    chat.page.set_viewport_size({"width": 1280, "height": 800})


def test_nothing_jumps_while_a_reply_is_written(chat: ChatPage) -> None:
    chat.page.evaluate(WATCH_SHIFTS)
    chat.wait_for_end(chat.ask("# A question\n\nTell me something [[end after 60]]"))
    chat.page.set_viewport_size({"width": 1280, "height": 420})
    chat.page.evaluate(NEXT_FRAME)
    chat.page.evaluate("shifts.length = 0")
    chat.wait_for_end(chat.ask("And on [[end after 150]]"))
    assert chat.page.evaluate("shifts") == []
    chat.page.set_viewport_size({"width": 1280, "height": 800})


def test_what_is_spoken_are_sentences_and_not_tokens(chat: ChatPage) -> None:
    chat.page.evaluate(
        """() => {
          const region = document.querySelector("parley-chat [aria-live]");
          globalThis.spoken = [];
          new MutationObserver(() => spoken.push(region.textContent.trim()))
            .observe(region, {childList: true, characterData: true, subtree: true});
        }"""
    )
    chat.wait_for_end(chat.ask("Tell me something [[end after 40]]"))
    expect(chat.page.locator("parley-chat [aria-live]")).to_have_text("Reply complete")
    spoken = chat.page.evaluate("spoken")
    assert [text for text, _ in groupby(spoken)] == ["Parley is replying", "Reply complete"]
    assert chat.page.locator("[aria-live]").count() == 1


def test_a_second_tab_is_live_too(chat: ChatPage, window: BrowserContext) -> None:
    other = ChatPage.open(window, chat.page.url).connected()
    reply = chat.ask("Tell me something long.")
    theirs = other.replies.last
    expect(theirs).to_have_attribute("data-message-id", message_id(reply), timeout=PATIENCE_MS)
    seen = other.wait_for_more(theirs, 50)
    assert chat.wait_for_more(reply, len(seen)).startswith(seen)
    other.stop_button.click()
    assert chat.wait_for_end(reply, "cancelled") == other.wait_for_end(theirs, "cancelled")
    expect(other.page.locator("article[data-role=user]")).to_contain_text("Tell me something long.")
    assert other.complaints == []
    other.page.close()


def test_everything_works_from_the_keyboard(chromium: Browser, paced_stack: Stack) -> None:
    with open_window(chromium, paced_stack) as window:
        chat = ChatPage.open(window)
        keyboard = chat.page.keyboard
        expect(chat.page.get_by_label("Username")).to_be_focused()
        keyboard.type(paced_stack.username)
        keyboard.press("Tab")
        keyboard.type(paced_stack.password)
        keyboard.press("Enter")
        new_chat = chat.page.get_by_role("button", name="New chat")
        expect(new_chat).to_be_visible()
        old = chat.page.url
        tab_to(chat, new_chat)
        keyboard.press("Enter")
        chat.page.wait_for_url(lambda url: url != old and "/chat/" in url)
        chat.connected()
        expect(chat.box).to_be_focused()
        keyboard.type("First line")
        keyboard.press("Shift+Enter")
        keyboard.type("second line")
        keyboard.press("Enter")
        chat.wait_for_more(chat.replies.last, 20)
        expect(chat.box).to_be_focused()
        expect(chat.box).to_have_value("")
        tab_to(chat, chat.stop_button)
        keyboard.press("Enter")
        chat.wait_for_end(chat.replies.last, "cancelled")
        expect(chat.box).to_be_focused()
        expect(chat.page.get_by_role("status")).to_have_text("Reply stopped")
        assert chat.transcript()[0]["content"] == "First line\nsecond line"


def tab_to(chat: ChatPage, target: Locator) -> None:
    for _ in range(40):
        if target.evaluate("element => element === document.activeElement"):
            return
        chat.page.keyboard.press("Tab")
    pytest.fail("the Tab key does not lead there")


def test_a_message_during_a_reply_is_refused_and_kept(chat: ChatPage) -> None:
    reply = chat.ask("Tell me something long.")
    chat.wait_for_more(reply, 20)
    chat.box.fill("And another thing")
    chat.box.press("Enter")
    expect(chat.page.locator("#composer-problem")).to_contain_text("still being written")
    expect(chat.box).to_have_value("And another thing")
    chat.stop_button.click()
    chat.wait_for_end(reply, "cancelled")
    chat.box.press("Enter")
    expect(chat.replies).to_have_count(2)
    expect(chat.box).to_have_value("")
    chat.stop_button.click()
    chat.wait_for_end(chat.replies.last, "cancelled")


def test_a_page_that_slept_in_mid_reply_has_missed_nothing(
    chat: ChatPage, window: BrowserContext, paced_stack: Stack
) -> None:
    reply = chat.ask("Tell me something [[end after 120]]")
    before = chat.wait_for_more(reply, 50)
    devtools = window.new_cdp_session(chat.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    other = ChatPage.open(window, chat.page.url).connected()
    whole = other.wait_for_end(other.replies.last)
    other.page.close()
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    shown = chat.wait_for_end(reply)
    assert shown == whole
    assert shown.startswith(before)


def test_a_server_that_dies_in_mid_reply_loses_nothing(chat: ChatPage, paced_stack: Stack) -> None:
    reply = chat.ask("Tell me something [[end after 250]]")
    before = chat.wait_for_more(reply, 100)
    server = find_process(paced_stack.process.pid, "uvicorn")
    assert server is not None
    server.send_signal(signal.SIGKILL)
    expect(chat.page.locator(".connection")).not_to_have_text("Connected")
    chat.connected()
    shown = chat.wait_for_end(reply)
    assert shown.startswith(before)
    name = reply.get_attribute("data-message-id")
    assert name is not None
    assert stored_text(paced_stack, name) == shown
    chat.complaints.clear()  # the console tells of the sockets that were refused meanwhile


def test_a_reply_that_waits_says_where_it_stands(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask("Tell me something [[end after 100]]"))  # from which waits are estimated
    path = f"sessions/{chat.session}/messages"
    question = call_api(chat.page, "POST", path, content="One", respond=False)
    for _ in range(18):
        call_api(chat.page, "POST", path, content="Tell me something long.", parent_id=question["id"])
    waiting = chat.page.get_by_text(re.compile(r"Waiting: place \d+, about \d+ s"))
    expect(waiting.first).to_be_visible(timeout=PATIENCE_MS)
    chat.stop_button.click()
    expect(chat.stop_button).to_be_hidden()

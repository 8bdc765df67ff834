"""Replies that have a middle, in a real browser: what a person sees, does and must not lose.

The demo model answers. It is quick: where a reply must last until somebody stops it, the model cannot end it.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, WebSocketRoute, expect

from tests.support.chat_page import ENDLESS, PATIENCE_MS, ChatPage, call_api, message_id, open_window
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
FROM_END = "pane => pane.scrollHeight - pane.clientHeight - pane.scrollTop"
PLACE_AT_REST = """async pane => {
  for (let still = 0, last = -1; still < 10; still += 1) {
    if (pane.scrollTop !== last) still = 0;
    last = pane.scrollTop;
    await new Promise(requestAnimationFrame);
  }
  return pane.scrollTop;
}"""


@pytest.fixture
def endless(chat: ChatPage) -> ChatPage:
    """A fresh chat whose replies are written until somebody stops them."""
    return chat.set_up(**ENDLESS)


def stop(chat: ChatPage) -> str:
    """What the latest reply says then."""
    chat.stop_button.click()
    return chat.wait_for_end(chat.replies.last, "cancelled")


def test_text_grows_while_it_streams(endless: ChatPage) -> None:
    reply = endless.ask("Tell me something long.")
    seen = [endless.wait_for_more(reply)]
    for _ in range(4):
        seen.append(endless.wait_for_more(reply, len(seen[-1])))
        assert reply.get_attribute("data-status") == "streaming"
    assert endless.page.evaluate("document.getAnimations().length") > 0
    endless.page.emulate_media(reduced_motion="reduce")
    assert endless.page.evaluate("document.getAnimations().length") == 0
    endless.page.emulate_media(reduced_motion="no-preference")
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    assert len(set(seen)) == 5
    stop(endless)


def test_stop_keeps_what_was_written(endless: ChatPage) -> None:
    reply = endless.ask("Tell me something long.")
    endless.wait_for_more(reply, 50)
    shown = stop(endless)
    expect(endless.stop_button).to_be_hidden()
    assert len(shown) > 50
    assert endless.transcript()[-1]["content"] == shown
    first = message_id(reply)
    endless.page.get_by_role("button", name="Try again").click()
    expect(endless.replies.last).not_to_have_attribute("data-message-id", first)
    endless.wait_for_more(endless.replies.last, 20)
    stop(endless)
    endless.page.get_by_role("button", name="Previous version").click()
    expect(endless.replies.last).to_have_attribute("data-message-id", first)
    assert endless.text(endless.replies.last) == shown


def test_a_lost_connection_in_mid_reply_loses_and_repeats_nothing(
    chromium: Browser, demo_stack: Stack
) -> None:
    sockets: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    with open_window(chromium, demo_stack) as window:
        window.route_web_socket("**/websocket", relay)
        chat = ChatPage.open(window).log_in(demo_stack).start_chat().set_up(**ENDLESS)
        reply = chat.ask("Tell me something long.")
        before = chat.wait_for_more(reply, 100)
        connections = len(sockets)
        sockets[-1].close(code=RESTARTING)
        while len(sockets) == connections:
            chat.page.evaluate(NEXT_FRAME)
        after = chat.wait_for_more(reply, len(chat.text(reply)) + 100)
        assert len(sockets) == connections + 1
        assert after.startswith(before)
        shown = stop(chat)
        assert shown.startswith(after)
        assert chat.transcript()[-1]["content"] == shown


def test_the_page_follows_a_reply_until_the_reader_scrolls_up(endless: ChatPage) -> None:
    page = endless.page
    page.set_viewport_size({"width": 1000, "height": 420})
    reply = endless.ask("Tell me something long.")
    pane = page.locator(".transcript")
    page.wait_for_function("pane => pane.scrollTop > 200", arg=pane.element_handle())
    assert pane.evaluate(FROM_END) < 48
    pane.hover()
    page.mouse.wheel(0, -150)
    page.wait_for_function(f"pane => ({FROM_END})(pane) > 100", arg=pane.element_handle())
    place = pane.evaluate(PLACE_AT_REST)
    endless.wait_for_more(reply, len(endless.text(reply)) + 200)
    assert pane.evaluate("pane => pane.scrollTop") == place
    pane.evaluate("pane => pane.scrollTo(0, pane.scrollHeight)")
    height = pane.evaluate("pane => pane.scrollHeight")
    page.wait_for_function(
        "([pane, height]) => pane.scrollHeight > height", arg=[pane.element_handle(), height]
    )
    page.wait_for_function(f"pane => ({FROM_END})(pane) < 48", arg=pane.element_handle())
    stop(endless)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_nothing_jumps_while_a_reply_is_written(chat: ChatPage) -> None:
    page = chat.set_up(**ENDLESS | {"max_tokens": 150}).page
    page.evaluate(WATCH_SHIFTS)
    chat.wait_for_end(chat.ask("# A question\n\nTell me something long."))
    page.set_viewport_size({"width": 1280, "height": 420})
    page.evaluate(NEXT_FRAME)
    page.evaluate("shifts.length = 0")
    chat.wait_for_end(chat.ask("And on"))
    assert page.evaluate("shifts") == []
    page.set_viewport_size({"width": 1280, "height": 800})


def test_what_is_spoken_are_sentences_and_not_tokens(endless: ChatPage) -> None:
    page = endless.page
    page.evaluate(
        """() => {
          const region = document.querySelector("parley-chat [aria-live]");
          globalThis.spoken = [];
          new MutationObserver(() => spoken.push(region.textContent.trim()))
            .observe(region, {childList: true, characterData: true, subtree: true});
        }"""
    )
    endless.wait_for_more(endless.ask("Tell me something long."), 200)
    stop(endless)
    expect(page.locator("parley-chat [aria-live]")).to_have_text("Reply stopped")
    spoken = page.evaluate("spoken")
    assert [text for text, _ in groupby(spoken)] == ["Parley is replying", "Reply stopped"]
    assert page.locator("[aria-live]").count() == 1


def test_a_second_tab_is_live_too(endless: ChatPage, window: BrowserContext) -> None:
    other = ChatPage.open(window, endless.page.url).connected()
    reply = endless.ask("Tell me something long.")
    theirs = other.replies.last
    expect(theirs).to_have_attribute("data-message-id", message_id(reply), timeout=PATIENCE_MS)
    seen = other.wait_for_more(theirs, 50)
    assert endless.wait_for_more(reply, len(seen)).startswith(seen)
    assert stop(other) == endless.wait_for_end(reply, "cancelled")
    expect(other.page.locator("article[data-role=user]")).to_contain_text("Tell me something long.")
    assert other.complaints == []
    other.page.close()


def test_everything_works_from_the_keyboard(chromium: Browser, demo_stack: Stack) -> None:
    with open_window(chromium, demo_stack) as window:
        chat = ChatPage.open(window)
        keyboard = chat.page.keyboard
        expect(chat.page.get_by_label("Username")).to_be_focused()
        keyboard.type(demo_stack.username)
        keyboard.press("Tab")
        keyboard.type(demo_stack.password)
        keyboard.press("Enter")
        new_chat = chat.page.get_by_role("button", name="New chat")
        expect(new_chat).to_be_visible()
        old = chat.page.url
        tab_to(chat, new_chat)
        keyboard.press("Enter")
        chat.page.wait_for_url(lambda url: url != old and "/chat/" in url)
        chat.connected().set_up(**ENDLESS)
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


def test_a_message_during_a_reply_is_refused_and_kept(endless: ChatPage) -> None:
    endless.set_up(**ENDLESS, context_policy="sliding_window")  # however long the first reply becomes
    endless.wait_for_more(endless.ask("Tell me something long."), 20)
    endless.box.fill("And another thing")
    endless.box.press("Enter")
    expect(endless.page.locator("#composer-problem")).to_contain_text("still being written")
    expect(endless.box).to_have_value("And another thing")
    stop(endless)
    endless.box.press("Enter")
    expect(endless.replies).to_have_count(2)
    expect(endless.box).to_have_value("")
    stop(endless)


def test_a_page_that_slept_in_mid_reply_has_missed_nothing(endless: ChatPage, window: BrowserContext) -> None:
    reply = endless.ask("Tell me something long.")
    before = endless.wait_for_more(reply, 50)
    devtools = window.new_cdp_session(endless.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    other = ChatPage.open(window, endless.page.url).connected()
    other.wait_for_more(other.replies.last, len(before) + 200)
    whole = stop(other)
    other.page.close()
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    shown = endless.wait_for_end(reply, "cancelled")
    assert shown == whole
    assert shown.startswith(before)


def test_a_reply_that_waits_says_where_it_stands(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask("Hello!"))  # from which waits are estimated
    chat.set_up(**ENDLESS)
    path = f"sessions/{chat.session}/messages"
    question = call_api(chat.page, "POST", path, content="One", respond=False)
    for _ in range(18):
        call_api(chat.page, "POST", path, content="Tell me something long.", parent_id=question["id"])
    waiting = chat.page.get_by_text(re.compile(r"Waiting: place \d+, about \d+ s"))
    expect(waiting.first).to_be_visible(timeout=PATIENCE_MS)
    chat.stop_button.click()
    expect(chat.stop_button).to_be_hidden()

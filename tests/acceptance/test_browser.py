"""Chatting in a real browser: what a person sees, does and must not lose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, WebSocketRoute, expect

from tests.support.chat_page import PATIENCE_MS, ChatPage, open_window, stored_text
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PACED = "paced"
RESTARTING = 1012
PAYLOADS = (
    "<script>document.title = 'stolen'</script>",
    "<img src=x onerror=\"document.title = 'stolen'\">",
    "<svg onload=\"document.title = 'stolen'\"></svg>",
    "[click](javascript:document.title='stolen')",
    "![pixel](https://tracker.example/pixel.png)",
)


@pytest.fixture
def window(chromium: Browser, paced_stack: Stack) -> Iterator[BrowserContext]:
    """A window on the paced stack: 50 tokens a second, so that a reply has a middle."""
    with open_window(chromium, paced_stack) as context:
        yield context


@pytest.fixture
def chat(window: BrowserContext, paced_stack: Stack) -> Iterator[ChatPage]:
    """A fresh chat; nothing may complain behind the scenes."""
    page = ChatPage.open(window).log_in(paced_stack).start_chat(PACED)
    yield page
    assert page.complaints == []


def message_id(reply: Locator) -> str:
    found = reply.get_attribute("data-message-id")
    assert found
    return found


def test_llama_answers_a_message_as_it_is_written(chromium: Browser, stack: Stack) -> None:
    with open_window(chromium, stack) as window:
        chat = ChatPage.open(window).log_in(stack)
        model = chat.page.get_by_label("Model").input_value()
        assert model
        chat.start_chat(model)
        reply = chat.ask("Hello! Please count from 1 to 10.")
        shown = chat.wait_for_end(reply)
        assert shown != ""
        assert "".join(chat.deltas) == shown
        assert stored_text(stack, message_id(reply)) == shown
        assert reply.locator(".prose").inner_text().strip()
        assert chat.complaints == []


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
    reply = chat.ask("Tell me something long.")
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
    window: BrowserContext, paced_stack: Stack
) -> None:
    sockets: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    window.route_web_socket("**/websocket", relay)
    chat = ChatPage.open(window).log_in(paced_stack).start_chat(PACED)
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


def test_what_is_written_without_a_connection_is_sent_when_it_is_back(
    window: BrowserContext, paced_stack: Stack
) -> None:
    sockets: list[WebSocketRoute] = []
    is_away = False

    def relay(route: WebSocketRoute) -> None:
        if is_away:
            route.close(code=RESTARTING)
        else:
            route.connect_to_server()
            sockets.append(route)

    window.route_web_socket("**/websocket", relay)
    chat = ChatPage.open(window).log_in(paced_stack).start_chat(PACED)
    is_away = True
    sockets[-1].close(code=RESTARTING)
    expect(chat.page.locator(".connection")).to_contain_text("Reconnecting")
    chat.box.fill("Are you there? [[end after 3]]")
    chat.box.press("Enter")
    expect(chat.page.locator("#composer-problem")).to_contain_text("will be sent when the connection is back")
    expect(chat.replies).to_have_count(0)
    is_away = False
    expect(chat.replies).to_have_count(1, timeout=PATIENCE_MS)
    chat.wait_for_end(chat.replies.last)
    expect(chat.box).to_have_value("")
    assert [row["role"] for row in chat.transcript()] == ["user", "assistant"]


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


def test_an_edit_makes_a_branch_and_both_can_be_read(chat: ChatPage) -> None:
    reply = chat.ask("Tell me something [[end after 3]]")
    first = chat.wait_for_end(reply)
    question = chat.page.locator("article[data-role=user]")
    question.hover()
    chat.page.get_by_role("button", name="Edit", exact=True).click()
    editor = chat.page.get_by_role("textbox", name="Edit message")
    editor.fill("Tell me something else [[end after 4]]")
    editor.press("Enter")
    expect(question).to_contain_text("something else")
    second = chat.wait_for_end(chat.replies.last)
    assert second != first
    expect(chat.replies).to_have_count(1)
    question.get_by_role("button", name="Previous version").click()
    expect(question).to_contain_text("Tell me something [[end after 3]]")
    assert chat.text(chat.replies.last) == first
    chat.ask("And on [[end after 2]]")
    chat.wait_for_end(chat.replies.last)
    expect(chat.replies).to_have_count(2)
    parents = {row["id"]: row["parent_id"] for row in chat.transcript()}
    assert len(parents) == 6
    assert list(parents.values()).count(None) == 2


def test_a_message_is_deleted_after_a_question(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask("Tell me something [[end after 3]]"))
    delete = chat.replies.last.get_by_role("button", name="Delete")
    delete.click()
    dialog = chat.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(chat.replies).to_have_count(1)
    delete.click()
    dialog.get_by_role("button", name="Delete").click()
    expect(chat.replies).to_have_count(0)
    assert [row["role"] for row in chat.transcript()] == ["user"]
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.replies).to_have_count(1)
    chat.connected()
    assert [row["role"] for row in chat.transcript()] == ["user", "assistant"]


def test_code_is_coloured_and_formulas_are_drawn_within_the_content_policy(chat: ChatPage) -> None:
    chat.ask("```python\nx = 1\n```\n\n$$\\frac{1}{2}$$ [[end after 1]]")
    question = chat.page.locator("article[data-role=user]")
    expect(question.locator(".hljs-number")).to_have_text("1")
    expect(question.locator("math mfrac")).to_be_visible()


def test_everything_works_from_the_keyboard(window: BrowserContext, paced_stack: Stack) -> None:
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


def test_hostile_text_stays_text(chat: ChatPage) -> None:
    fetched: list[str] = []
    chat.page.on("request", lambda request: fetched.append(request.url))
    chat.ask("\n\n".join(PAYLOADS))
    chat.stop_button.click()
    chat.wait_for_end(chat.replies.last, "cancelled")
    chat.page.reload()
    message = chat.page.locator("article[data-role=user]")
    for shown in (PAYLOADS[0], PAYLOADS[1], PAYLOADS[2]):
        expect(message).to_contain_text(shown)
    assert message.locator(".prose").locator("script, img, svg, [onerror], [onload]").count() == 0
    assert message.get_by_text("click", exact=True).get_attribute("href") is None
    picture = message.get_by_role("link", name="pixel")
    assert picture.get_attribute("rel") == "noopener noreferrer"
    assert "stolen" not in (chat.page.title(), chat.page.locator("h1").inner_text())
    assert not [url for url in fetched if "tracker.example" in url or url.endswith("/x")]

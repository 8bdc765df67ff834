"""Messages and what is done with them, in a real browser, answered by llama.cpp."""

from __future__ import annotations

import signal
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, WebSocketRoute, expect

from tests.support.chat_page import ENDLESS, PATIENCE_MS, ChatPage, message_id, open_window, stored_text
from tests.support.faults.cluster import find_process
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

RESTARTING = 1012
PAYLOADS = (
    "<script>document.title = 'stolen'</script>",
    "<img src=x onerror=\"document.title = 'stolen'\">",
    "<svg onload=\"document.title = 'stolen'\"></svg>",
    "[click](javascript:document.title='stolen')",
    "![pixel](https://tracker.example/pixel.png)",
)

DRAWN = """element => {
  const {width, maskImage} = getComputedStyle(element, "::before");
  return parseFloat(width) > 0 && maskImage.includes("svg") && element.dataset.icon;
}"""


def test_llama_answers_a_message_as_it_is_written(chat: ChatPage, demo_stack: Stack) -> None:
    chat.deltas.clear()
    reply = chat.ask("Hello! Please count from 1 to 10.")
    shown = chat.wait_for_end(reply)
    assert shown != ""
    assert "".join(chat.deltas) == shown
    assert stored_text(demo_stack, message_id(reply)) == shown
    assert reply.locator(".prose").inner_text().strip()
    assert reply.locator("header .model").evaluate(DRAWN) == "local"
    first = message_id(reply)
    reply.get_by_role("button", name="Try again").click()
    expect(chat.replies.last.locator(".switcher")).to_contain_text("2/2")
    chat.wait_for_end(chat.replies.last)
    chat.page.get_by_role("button", name="Previous version").click()
    expect(chat.replies.last).to_have_attribute("data-message-id", first)
    assert chat.text(chat.replies.last) == shown


def test_whatever_happens_in_the_middle_of_llamas_reply_loses_nothing(
    chat: ChatPage, window: BrowserContext, demo_stack: Stack
) -> None:
    reply = chat.set_up(**ENDLESS).ask("Tell me a story.")
    chat.wait_for_more(reply, 100)
    expect(reply.locator(".progress")).to_contain_text("tokens")
    chat.stop_button.click()
    stopped = chat.wait_for_end(reply, "cancelled")
    assert stored_text(demo_stack, message_id(reply)) == stopped
    reply.get_by_role("button", name="Continue").click()
    before = chat.wait_for_more(reply, len(stopped))
    chat.page.reload()
    after = chat.connected().wait_for_more(reply, len(before))
    other = ChatPage.open(window, chat.page.url).connected()
    seen = other.wait_for_more(other.replies.last, len(after))
    server = find_process(demo_stack.process.pid, "uvicorn")
    assert server is not None
    server.send_signal(signal.SIGKILL)
    expect(chat.page.locator(".connection")).not_to_have_text("Connected")
    later = chat.connected().wait_for_more(reply, len(seen))
    other.connected().stop_button.click()
    whole = chat.wait_for_end(reply, "cancelled")
    assert other.wait_for_end(other.replies.last, "cancelled") == whole
    assert stored_text(demo_stack, message_id(reply)) == whole
    grown = (stopped, before, after, seen, later, whole)
    assert all(text.startswith(start) for start, text in pairwise(grown))
    other.page.close()
    chat.complaints.clear()  # the console tells of the sockets that were refused meanwhile


def test_what_is_written_without_a_connection_is_sent_when_it_is_back(
    chromium: Browser, demo_stack: Stack
) -> None:
    sockets: list[WebSocketRoute] = []
    is_away = False

    def relay(route: WebSocketRoute) -> None:
        if is_away:
            route.close(code=RESTARTING)
        else:
            route.connect_to_server()
            sockets.append(route)

    with open_window(chromium, demo_stack) as window:
        window.route_web_socket("**/websocket", relay)
        chat = ChatPage.open(window).log_in(demo_stack).start_chat()
        is_away = True
        sockets[-1].close(code=RESTARTING)
        expect(chat.page.locator(".connection")).to_contain_text("Reconnecting")
        chat.box.fill("Are you there?")
        chat.box.press("Enter")
        expect(chat.page.locator("#composer-problem")).to_contain_text(
            "will be sent when the connection is back"
        )
        expect(chat.replies).to_have_count(0)
        is_away = False
        expect(chat.replies).to_have_count(1, timeout=PATIENCE_MS)
        chat.wait_for_end(chat.replies.last)
        expect(chat.box).to_have_value("")
        assert [row["role"] for row in chat.transcript()] == ["user", "assistant"]


def test_an_edit_makes_a_branch_and_both_can_be_read(chat: ChatPage) -> None:
    reply = chat.ask("What is 2 + 3?")
    first = chat.wait_for_end(reply)
    question = chat.page.locator("article[data-role=user]")
    question.hover()
    chat.page.get_by_role("button", name="Edit", exact=True).click()
    editor = chat.page.get_by_role("textbox", name="Edit message")
    editor.fill("What else is there?")
    editor.press("Enter")
    expect(question).to_contain_text("What else")
    chat.wait_for_end(chat.replies.last)
    expect(chat.replies).to_have_count(1)
    question.get_by_role("button", name="Previous version").click()
    expect(question).to_contain_text("What is 2 + 3?")
    assert chat.text(chat.replies.last) == first
    chat.ask("Hello!")
    chat.wait_for_end(chat.replies.last)
    expect(chat.replies).to_have_count(2)
    parents = {row["id"]: row["parent_id"] for row in chat.transcript()}
    assert len(parents) == 6
    assert list(parents.values()).count(None) == 2


def test_a_message_is_deleted_after_a_question(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask("Hello!"))
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
    chat.wait_for_end(chat.ask("```python\nx = 1\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n$$\\frac{1}{2}$$"))
    question = chat.page.locator("article[data-role=user]")
    expect(question.locator(".hljs-number")).to_have_text("1")
    expect(question.locator("math mfrac")).to_be_visible()
    expect(question.locator(".code-bar", has_text="python")).to_be_visible()
    expect(question.get_by_role("table").get_by_role("cell", name="2")).to_be_visible()


def test_hostile_text_stays_text(chat: ChatPage) -> None:
    fetched: list[str] = []
    chat.page.on("request", lambda request: fetched.append(request.url))
    chat.wait_for_end(chat.ask("\n\n".join(PAYLOADS)))
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

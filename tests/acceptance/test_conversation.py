"""A conversation that is long, shared or spoken, in one browser on one stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.support.chat_client import seed_messages, seed_sessions
from tests.support.chat_page import ENDLESS, ChatPage, open_window
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

SHORT = "Hello!"
BOB = ("bob", "quite a long secret 7")
EAR = """
globalThis.SpeechRecognition = class extends EventTarget {
  start() {
    const heard = Object.assign(new Event("result"), {results: [[{transcript: "Tell me a story"}]]});
    this.dispatchEvent(heard);
  }
  stop() { this.dispatchEvent(new Event("end")); }
  abort() { this.stop(); }
};
globalThis.said = [];
speechSynthesis.speak = (words) => said.push(words.text);
"""
READ_UP = """pane => {
  pane.scrollTop = 700;
  const { top } = pane.getBoundingClientRect();
  const isShown = article => article.getBoundingClientRect().bottom > top;
  globalThis.read = [...pane.querySelectorAll("article")].find(isShown);
  return read.getBoundingClientRect().top;
}"""
PLACE = """pane => {
  const { top } = pane.getBoundingClientRect();
  const isWhole = article => article.getBoundingClientRect().top > top;
  globalThis.read ??= [...pane.querySelectorAll("article")].find(isWhole);
  return read.getBoundingClientRect().top;
}"""
IS_AT = "place => Math.abs(read.getBoundingClientRect().top - place) <= 1"
SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const {sources, value} of list.getEntries())
    if (sources.some(({node}) => node?.parentElement?.closest(".transcript"))) shifts.push(value);
}).observe({type: "layout-shift", buffered: true});
"""
NEXT_FRAME = "() => new Promise(requestAnimationFrame)"


@pytest.fixture(scope="module")
def window(chromium: Browser, shown_stack: Stack) -> Iterator[BrowserContext]:
    with open_window(chromium, shown_stack) as context:
        context.add_init_script(EAR)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context


def test_a_long_chat_is_read_upwards_to_its_beginning(chat: ChatPage, demo_stack: Stack) -> None:
    page = chat.page
    session = seed_sessions(demo_stack, 1)[0]
    seed_messages(demo_stack, session, 180)
    page.goto(f"/chat/{session}/")
    chat.connected()
    articles = page.locator("article")
    expect(articles).to_have_count(100)
    expect(articles.last).to_be_in_viewport()
    pane = page.locator(".transcript")
    place = pane.evaluate(READ_UP)
    expect(articles).to_have_count(130)
    page.evaluate(NEXT_FRAME)  # which shows them, with the place kept
    assert page.evaluate("read.getBoundingClientRect().top") == pytest.approx(place, abs=1)
    pane.hover()
    while page.get_by_role("link", name="Load earlier").count():
        page.mouse.wheel(0, -2_000)
        page.evaluate(NEXT_FRAME)
    expect(articles).to_have_count(180)
    pane.evaluate("pane => { pane.scrollTop = 0; }")
    expect(articles.first).to_contain_text("Message 0 ")


def test_a_long_chat_is_opened_without_a_jump_even_by_who_scrolls_at_once(
    chat: ChatPage, demo_stack: Stack
) -> None:
    session = seed_sessions(demo_stack, 1)[0]
    seed_messages(demo_stack, session, 100)
    page = chat.page.context.new_page()
    page.add_init_script(SHIFTS)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 8})  # so that it takes a while
    articles = page.locator("article")
    pane = page.locator(".transcript")
    page.goto(f"/chat/{session}/")
    expect(articles).to_have_count(100)
    expect(articles.last).to_be_in_viewport()
    assert page.evaluate("shifts") == []
    page.mouse.move(600, 300)
    page.goto(f"/chat/{session}/", wait_until="commit")
    expect(articles.last).to_be_in_viewport()
    place, scrolled, drawn = pane.evaluate(PLACE), 0, articles.count()
    assert drawn < 100
    for _ in range(8):
        page.mouse.wheel(0, -100)
        scrolled += 100
    expect(articles).to_have_count(100)
    page.wait_for_function(IS_AT, arg=place + scrolled)
    page.close()


@contextmanager
def as_bob(chromium: Browser, stack: Stack, chat: ChatPage) -> Iterator[ChatPage]:
    """Somebody else's tab on the same chat."""
    if stack.manage("shell", "-v", "0", "-c", HAS_BOB).strip() == "False":
        stack.manage("user", "create", BOB[0], "--password", BOB[1])
    chat.page.get_by_role("button", name="People", exact=True).click()
    dialog = chat.page.get_by_role("dialog", name="People")
    dialog.get_by_label("Invite by user name").fill(BOB[0])
    dialog.get_by_role("button", name="Invite", exact=True).click()
    expect(dialog.get_by_role("listitem").filter(has_text=BOB[0])).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    with open_window(chromium, stack) as theirs:
        bob = ChatPage.open(theirs, chat.page.url)
        bob.page.get_by_label("Username").fill(BOB[0])
        bob.page.get_by_label("Password").fill(BOB[1])
        bob.page.get_by_role("button", name="Log in").click()
        yield bob.connected()


HAS_BOB = f"from chat.models import User; print(User.objects.filter(username={BOB[0]!r}).exists())"


def test_people_see_who_is_there_and_who_types(chat: ChatPage, chromium: Browser, demo_stack: Stack) -> None:
    company = chat.page.locator(".people")
    with as_bob(chromium, demo_stack, chat) as bob:
        expect(company).to_have_text("Also here: bob")
        expect(bob.page.locator(".people")).to_have_text(f"Also here: {demo_stack.username}")
        bob.box.press_sequentially("Is it ")
        expect(company).to_have_text("bob is typing…")
        bob.box.fill("")
        expect(company).to_have_text("Also here: bob")
        bob.box.fill(SHORT)
        bob.box.press("Enter")
        bob.wait_for_end(bob.replies.last)
        question = chat.page.locator("article[data-role=user]")
        expect(question.get_by_role("heading")).to_have_text("bob")
        expect(question.locator(".avatar")).to_have_text("BO")
        chat.wait_for_end(chat.replies.last)
        bob.replies.last.get_by_role("button", name="Good answer").click()
        expect(chat.replies.last.locator(".count")).to_have_text("1")
    expect(company).to_have_text("")


def test_a_draft_survives_a_reload(chat: ChatPage) -> None:
    chat.box.fill("Half a thought")
    chat.page.reload()
    chat.connected()
    expect(chat.box).to_have_value("Half a thought")
    chat.box.fill("")


def test_replies_may_be_shown_only_when_they_are_whole(chat: ChatPage) -> None:
    settings = chat.page.get_by_role("button", name="Chat settings")
    switch = chat.page.get_by_label("Show replies only when they are whole")
    settings.click()
    switch.check()
    chat.page.keyboard.press("Escape")
    reply = chat.set_up(**ENDLESS).ask("Tell me something long.")
    chat.wait_for_more(reply, 20)
    expect(reply.locator(".progress")).to_contain_text("tokens")
    expect(reply.locator(".prose")).to_have_count(0)
    chat.stop_button.click()
    chat.wait_for_end(reply, "cancelled")
    expect(reply.locator(".prose")).to_be_visible()
    settings.click()
    switch.uncheck()
    chat.page.keyboard.press("Escape")


def test_a_reply_is_dictated_for_read_aloud_and_copied(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="Dictate").click()
    expect(chat.box).to_have_value("Tell me a story")
    chat.page.get_by_role("button", name="End dictation").click()
    reply = chat.ask(f"```python\nx = 1\n```\n{SHORT}")
    said = chat.wait_for_end(reply)
    reply.get_by_role("button", name="Read aloud").click()
    assert chat.page.evaluate("said") == [reply.locator(".prose").inner_text().strip()]
    reply.get_by_role("button", name="Copy", exact=True).click()
    expect(reply.get_by_role("button", name="Copied")).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()") == said
    chat.page.get_by_role("button", name="Copy code").click()
    chat.page.wait_for_function(
        "() => navigator.clipboard.readText().then((text) => text.trim() === 'x = 1')"
    )


def test_the_meter_tells_what_the_model_did_not_see(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask(SHORT))
    chat.page.get_by_role("button", name="Chat settings").click()
    dialog = chat.page.get_by_role("dialog", name="Chat settings")
    dialog.get_by_text("Parameters").click()
    dialog.get_by_label("Long conversations").select_option("last_turns")
    dialog.get_by_label("Latest turns shown").fill("1")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("status")).to_have_text("Saved")
    dialog.get_by_role("button", name="Close").click()
    chat.wait_for_end(chat.ask(SHORT))
    chat.page.locator(".context summary").click()
    expect(chat.page.locator(".context p")).to_contain_text("2 messages were left out")

"""The list of chats, and what comes in and goes out of it, in one browser on one stack."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.support.chat_page import PATIENCE_MS, ChatPage, call_api
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

SHORT = "Hello, who are you?"
FIRST_TITLES = re.compile(f"^(Untitled chat|{re.escape(SHORT)})$")
LONG_AGO = """
from datetime import timedelta
from django.utils.timezone import now
from chat.models import ChatSession
began, ended = now() - timedelta(hours=5, minutes=1), now() - timedelta(hours=3, minutes=1)
ChatSession.objects.filter(id="{session}").update(created_at=began, updated_at=ended)
"""
MORE_THAN_A_PAGE = 45
RAVENS = {
    "title": "Ravens",
    "mapping": {
        "a": {
            "message": {"author": {"role": "user"}, "content": {"parts": ["Why is a raven black?"]}},
            "parent": None,
            "children": ["b"],
        },
        "b": {
            "message": {"author": {"role": "assistant"}, "content": {"parts": ["I give up."]}},
            "parent": "a",
            "children": [],
        },
    },
}


def row(chat: ChatPage) -> Locator:
    """The open chat's."""
    return chat.page.locator(".session-row").filter(has=chat.page.locator("[aria-current=page]"))


def menu(chat: ChatPage) -> Locator:
    """What can be done with the open chat."""
    if row(chat).locator("details").get_attribute("open") is None:
        row(chat).locator("summary").click()
    return row(chat).locator(".row-menu")


def press(chat: ChatPage, name: str) -> None:
    """A button of the menu; the list comes anew."""
    with chat.page.expect_response(lambda response: response.request.method == "POST"):
        menu(chat).get_by_role("button", name=name, exact=True).click()
    expect(row(chat).locator("details")).not_to_have_attribute("open", "")


def confirm(chat: ChatPage, question: str) -> None:
    dialog = chat.page.get_by_role("dialog")
    expect(dialog).to_contain_text(question)
    dialog.get_by_role("button", name="Delete").click()


def test_a_chat_finds_its_place(chat: ChatPage) -> None:
    page = chat.page
    menu(chat).get_by_label("Title").fill("Sea trip")
    press(chat, "Rename")
    expect(row(chat)).to_contain_text("Sea trip")
    menu(chat).get_by_label("Folder").fill("Holidays")
    press(chat, "Move")
    menu(chat).get_by_label("Tags").fill("boats, june")
    press(chat, "Tag")
    press(chat, "Pin")
    expect(row(chat).locator(".meta")).to_contain_text("Pinned · Holidays")
    row(chat).get_by_role("link", name="june").click()
    expect(page.locator(".sessions .filter")).to_contain_text("Only june")
    expect(page.locator(".session-row")).to_have_count(1)
    page.get_by_role("link", name="All chats").click()
    expect(page.locator(".sessions .filter")).to_have_count(0)
    page.get_by_role("searchbox", name="Search chats").fill("holi")
    expect(page.locator(".session-row")).to_have_count(1)
    page.get_by_role("searchbox", name="Search chats").fill("")
    expect(row(chat)).to_be_visible()
    with page.expect_response("**/arrange/"):
        menu(chat).get_by_role("button", name="Archive", exact=True).click()
    expect(row(chat)).to_have_count(0)
    page.get_by_label("Archive", exact=True).check()
    expect(row(chat)).to_contain_text("Sea trip")
    page.get_by_label("Archive", exact=True).uncheck()
    expect(row(chat)).to_have_count(0)


def test_the_list_tells_what_the_open_chat_is_and_was(chat: ChatPage, demo_stack: Stack) -> None:
    title, facts = row(chat).locator(".title"), row(chat).locator(".meta")
    expect(facts).to_contain_text("0 messages")
    chat.wait_for_end(chat.ask(SHORT))
    expect(facts).to_contain_text("2 messages")
    expect(facts).to_contain_text("tokens")
    expect(title).not_to_have_text(FIRST_TITLES)  # the model has found one, when it had nothing else to do
    found = title.inner_text()
    expect(chat.page.locator("h1")).to_have_text(found)
    demo_stack.manage("shell", "-v", "0", "-c", LONG_AGO.format(session=chat.session))
    chat.page.reload()
    expect(title).to_have_text(found)
    expect(chat.page).to_have_title(f"{found} · Parley")
    expect(facts).to_contain_text("3 hours ago")
    expect(facts).to_contain_text("2\xa0hours")


def test_what_was_cleared_or_deleted_is_taken_back(chat: ChatPage) -> None:
    page, here = chat.page, chat.page.url
    chat.wait_for_end(chat.ask(SHORT))
    menu(chat).get_by_role("button", name="Delete all messages").click()
    confirm(chat, "Delete all messages of this chat?")
    expect(page.locator("article")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("article")).to_have_count(2)
    chat.connected()
    menu(chat).get_by_role("button", name="Delete", exact=True).click()
    confirm(chat, "Delete this chat with all its messages?")
    page.wait_for_url(lambda url: url != here)
    expect(page.locator(f'.session-row a[href="{urlsplit(here).path}"]')).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(here)
    expect(page.locator("article")).to_have_count(2)
    chat.connected()


def test_the_list_goes_on_where_it_ends(chat: ChatPage) -> None:
    for number in range(MORE_THAN_A_PAGE):
        call_api(chat.page, "POST", "sessions", title=f"Chat {number}")
    chat.page.reload()
    rows = chat.page.locator(".session-row")
    expect(rows).to_have_count(40)
    chat.page.locator("#session-list").hover()
    chat.page.mouse.wheel(0, 20_000)
    expect(rows.nth(MORE_THAN_A_PAGE)).to_be_attached()


def test_a_temporary_chat_is_nowhere_else(chat: ChatPage) -> None:
    page, old = chat.page, chat.page.url
    page.get_by_role("button", name="Set up a chat").click()
    dialog = page.get_by_role("dialog", name="Set up a chat")
    dialog.get_by_label("Temporary chat").check()
    dialog.get_by_role("button", name="Start").click()
    page.wait_for_url(lambda url: url != old)
    chat.connected()
    expect(page.locator("header").get_by_text("Temporary")).to_be_visible()
    chat.wait_for_end(chat.ask("Whisper mockingbird"))
    expect(row(chat)).to_have_count(0)
    page.goto("/search/?words=mockingbird")
    expect(page.locator("#search-results")).to_contain_text("No message has these words.")
    page.goto(old)
    chat.connected()


def test_chats_come_in_and_go_out(chat: ChatPage, tmp_path: Path) -> None:
    page = chat.page
    export = tmp_path / "conversations.json"
    export.write_text(json.dumps([RAVENS]))
    bring_in(chat, export)
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("article").first).to_contain_text("Why is a raven black?")
    first = page.url
    page.get_by_role("button", name="Export and share").click()
    for name in ("Markdown", "PDF", "Text", "JSON"):
        with page.expect_download(timeout=PATIENCE_MS) as taken:
            page.get_by_role("link", name=name, exact=True).click()
        assert taken.value.path().stat().st_size > 0
    bring_in(chat, taken.value.path())
    assert page.url != first
    expect(page.locator("article").last).to_contain_text("I give up.")
    expect(row(chat)).to_contain_text("Ravens")


def bring_in(chat: ChatPage, file: Path) -> None:
    chat.page.goto("/import/")
    chat.page.get_by_label("JSON file").set_input_files(
        {"name": "chats.json", "mimeType": "application/json", "buffer": file.read_bytes()}
    )
    chat.page.get_by_role("button", name="Import", exact=True).click()
    chat.page.wait_for_url("**/chat/*/")
    chat.connected()


def test_a_shared_link_leads_nowhere_once_it_is_revoked(chat: ChatPage, chromium: Browser) -> None:
    page = chat.page
    chat.wait_for_end(chat.ask(SHORT))
    page.get_by_role("button", name="Export and share").click()
    page.get_by_role("button", name="Create a link").click()
    link = page.get_by_label("Anybody with this link").input_value()
    with chromium.new_context() as context:
        stranger = context.new_page()
        stranger.goto(link)
        expect(stranger.locator("article").first).to_contain_text(SHORT)
        page.get_by_role("button", name="Revoke the link").click()
        expect(page.get_by_text("Nobody else has a link")).to_be_visible()
        stranger.reload()
        expect(stranger.get_by_role("heading", name="There is no such page")).to_be_visible()

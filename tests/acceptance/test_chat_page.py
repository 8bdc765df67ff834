"""What the chat page offers beside the conversation itself, in one browser on one stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.axe import violations
from tests.support.chat_page import PATIENCE_MS, ChatPage, open_window
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PACED = "paced"
SHORT = "Say something [[end after 5]]"


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


def test_a_file_goes_with_a_message_and_is_shown_on_it(chat: ChatPage, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("The raven is black.")
    (tmp_path / "picture.bin").write_bytes(bytes(range(256)))
    chat.page.locator("input[type=file]").set_input_files([notes, tmp_path / "picture.bin"])
    expect(chat.page.locator("#composer-problem")).to_contain_text("picture.bin:")
    expect(chat.page.locator("parley-composer .file")).to_contain_text("notes.txt")
    chat.wait_for_end(chat.ask(SHORT))
    link = chat.page.locator("article[data-role=user]").get_by_role("link", name="notes.txt")
    with chat.page.expect_download() as download:
        link.click()
    assert download.value.path().read_text() == "The raven is black."
    chat.complaints.clear()  # the console tells of the upload that was refused


def test_settings_say_what_the_chat_is_and_are_used(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="Chat settings").click()
    dialog = chat.page.get_by_role("dialog", name="Chat settings")
    expect(dialog).to_contain_text(PACED)
    dialog.get_by_text("Parameters").click()
    dialog.get_by_label("Longest reply, in tokens").fill("0")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Longest reply, in tokens must be from 1")
    dialog.get_by_label("Longest reply, in tokens").fill("7")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("status")).to_have_text("Saved")
    dialog.get_by_role("button", name="Close").click()
    reply = chat.ask("Tell me something long.")
    cut = chat.wait_for_end(reply)
    expect(reply).to_contain_text("Cut off at the length limit")
    reply.get_by_role("button", name="Continue").click()
    assert chat.wait_for_more(reply, len(cut)).startswith(cut)
    chat.wait_for_end(reply)


def test_a_chat_is_set_up_from_a_preset(chat: ChatPage) -> None:
    page = chat.page
    page.get_by_role("button", name="Set up a chat").click()
    dialog = page.get_by_role("dialog", name="Set up a chat")
    expect(dialog.get_by_text("This server")).to_be_visible()
    dialog.get_by_label("System prompt").fill("Answer in rhymes.")
    dialog.get_by_text("Keep as a preset").click()
    dialog.get_by_label("Name of the preset").fill("Rhymes")
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog.get_by_role("status")).to_have_text("Kept as Rhymes")
    assert violations(page) == []
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Set up a chat").click()
    dialog.get_by_label("Preset", exact=True).select_option("Rhymes")
    expect(dialog.get_by_label("System prompt")).to_have_value("Answer in rhymes.")
    old = page.url
    dialog.get_by_role("button", name="Start").click()
    page.wait_for_url(lambda url: url != old)
    chat.connected()
    page.get_by_role("button", name="Chat settings").click()
    settings = page.get_by_role("dialog", name="Chat settings")
    expect(settings.get_by_label("System prompt")).to_have_value("Answer in rhymes.")
    expect(settings.get_by_label("Model", exact=True)).to_have_value(PACED)
    settings.get_by_role("button", name="Save").click()
    expect(settings.get_by_text("Saved")).to_be_visible()
    expect(page.locator("header .model").first).to_have_text(PACED)
    settings.get_by_role("button", name="Close").click()
    expect(page.locator("parley-settings")).to_have_count(0)


def test_people_are_invited_by_name_and_by_link(
    chat: ChatPage, chromium: Browser, paced_stack: Stack
) -> None:
    chat.page.get_by_role("button", name="People", exact=True).click()
    dialog = chat.page.get_by_role("dialog", name="People")
    dialog.get_by_label("They may").select_option("viewer")
    dialog.get_by_role("button", name="Make a link instead").click()
    link = dialog.get_by_label("One person may join").input_value()
    paced_stack.manage("user", "create", "bob", "--password", "quite a long secret 7")
    with open_window(chromium, paced_stack) as theirs:
        bob = ChatPage.open(theirs, link)
        bob.page.get_by_label("Username").fill("bob")
        bob.page.get_by_label("Password").fill("quite a long secret 7")
        bob.page.get_by_role("button", name="Log in").click()
        bob.page.get_by_role("button", name="Join").click()
        bob.connected()
        expect(chat.page.locator(".people")).to_have_text("Also here: bob")
        dialog.get_by_role("button", name="Close").click()
        chat.page.get_by_role("button", name="People", exact=True).click()
        expect(dialog.get_by_role("listitem").filter(has_text="bob")).to_contain_text("here now")
        dialog.get_by_label("Role of bob").select_option("member")
        dialog.get_by_role("button", name="Remove bob").click()
        expect(bob.page.get_by_text("You may not take part in this chat.")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()


def test_a_message_is_quoted_and_answered_in_a_thread(chat: ChatPage) -> None:
    first = chat.ask(SHORT)
    chat.wait_for_end(first)
    chat.wait_for_end(chat.ask(SHORT))
    first = chat.replies.first
    first.get_by_role("button", name="Quote").click()
    expect(chat.box).to_have_value(re.compile("^> "))
    first.get_by_role("button", name="Answer in a thread").click()
    expect(chat.page.locator(".thread")).to_contain_text("Answering Parley")
    chat.box.press("Enter")
    expect(chat.page.locator("article[data-role=user]").last.locator(".switcher")).to_contain_text("2/2")
    chat.wait_for_end(chat.replies.last)

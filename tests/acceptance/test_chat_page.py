"""What the chat page offers beside the conversation itself, in one browser on one stack."""

from __future__ import annotations

import re

import pytest
from fpdf import FPDF
from playwright.sync_api import Browser, FilePayload, expect

from tests.support.axe import violations
from tests.support.chat_page import DEMO, PATIENCE_MS, ChatPage, call_api, open_window
from tests.support.provider import start_provider
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

SHORT = "Hello!"
STORY = "Tell me a story about a fox."
FACTS = (
    *("Model", "Speed", "First text after", "Waited", "In all"),
    *("Written", "Read", "Of those known already", "Worker"),
)
RAVENS = "The raven is black. " * 20


def test_a_reply_is_judged_and_reported(chat: ChatPage) -> None:
    chat.wait_for_end(chat.ask(SHORT))
    good = chat.replies.last.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    chat.page.reload()
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    chat.replies.last.get_by_role("button", name="React").click()
    chat.replies.last.get_by_role("button", name="😮").click()
    given = chat.replies.last.locator(".reaction")
    expect(given).to_have_accessible_name("😮 1: You")
    chat.page.reload()
    expect(given).to_have_attribute("aria-pressed", "true")
    given.click()
    expect(given).to_have_count(0)
    chat.replies.last.get_by_role("link", name="Report", exact=True).click()
    chat.page.get_by_label("What is wrong with it?").select_option("spam")
    chat.page.get_by_role("button", name="Report", exact=True).click()
    expect(chat.page.get_by_text("A moderator will look at it.")).to_be_visible()


def test_a_reply_says_what_it_cost_and_runs_again_exactly(chat: ChatPage) -> None:
    reply = chat.ask(SHORT)
    said = chat.wait_for_end(reply)
    expect(chat.page.locator(".context")).to_contain_text("of 2,048 tokens")
    reply.get_by_role("button", name="Details").click()
    assert set(FACTS) <= set(reply.locator(".measurements dt").all_text_contents())
    reply.get_by_role("button", name="Run again exactly").click()
    expect(chat.replies.last.locator(".switcher")).to_contain_text("2/2", timeout=PATIENCE_MS)
    assert chat.wait_for_end(chat.replies.last) == said


def test_files_go_with_a_message_to_the_model_and_are_shown_on_it(chat: ChatPage) -> None:
    pdf = FPDF()
    pdf.set_font("Helvetica")
    pdf.add_page()
    pdf.multi_cell(0, text="A page.")
    files = {"notes.txt": RAVENS.encode(), "plan.md": b"# Plan", "hello.py": b"print(1)"}
    files |= {"page.pdf": bytes(pdf.output()), "picture.bin": bytes(range(256))}
    chat.page.locator("input[type=file]").set_input_files(
        [FilePayload(name=name, mimeType="", buffer=content) for name, content in files.items()]
    )
    expect(chat.page.locator("#composer-problem")).to_contain_text("picture.bin:")
    expect(chat.page.locator("parley-composer .file[aria-busy=false]")).to_have_count(4)
    chat.wait_for_end(chat.ask(SHORT))
    assert chat.transcript()[-1]["metrics"]["prompt_tokens"] > RAVENS.count(" ")
    question = chat.page.locator("article[data-role=user]")
    assert {name for name in files if question.get_by_role("link", name=name).count()} == {*files} - {
        "picture.bin"
    }
    with chat.page.expect_download() as download:
        question.get_by_role("link", name="notes.txt").click()
    assert download.value.path().read_text() == RAVENS
    chat.complaints.clear()  # the console tells of the upload that was refused


def test_settings_say_what_the_chat_is_and_are_used(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="Chat settings").click()
    dialog = chat.page.get_by_role("dialog", name="Chat settings")
    expect(dialog).to_contain_text(DEMO)
    expect(dialog.locator(".facts")).to_contain_text("Tokens used")
    dialog.get_by_text("Parameters").click()
    expect(dialog.get_by_label("Temperature")).to_have_attribute("placeholder", "0.8")
    dialog.get_by_label("Longest reply, in tokens").fill("0")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Longest reply, in tokens must be from 1 to 2,048")
    dialog.get_by_label("Longest reply, in tokens").fill("7")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("status")).to_have_text("Saved")
    dialog.get_by_role("button", name="Close").click()
    reply = chat.ask(STORY)
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
    expect(settings.get_by_label("Model", exact=True)).to_have_value(DEMO)
    settings.get_by_role("button", name="Save").click()
    expect(settings.get_by_text("Saved")).to_be_visible()
    expect(page.locator("header .model").first).to_have_text(DEMO)
    settings.get_by_role("button", name="Close").click()
    expect(page.locator("parley-settings")).to_have_count(0)


def test_people_are_invited_by_name_and_by_link(chat: ChatPage, chromium: Browser, demo_stack: Stack) -> None:
    chat.page.get_by_role("button", name="People", exact=True).click()
    dialog = chat.page.get_by_role("dialog", name="People")
    dialog.get_by_label("They may").select_option("viewer")
    dialog.get_by_role("button", name="Make a link instead").click()
    link = dialog.get_by_label("One person may join").input_value()
    demo_stack.manage("user", "create", "bob", "--password", "quite a long secret 7")
    with open_window(chromium, demo_stack) as theirs:
        bob = ChatPage.open(theirs, link)
        bob.page.get_by_label("Username").fill("bob")
        bob.page.get_by_label("Password").fill("quite a long secret 7")
        bob.page.get_by_role("button", name="Log in").click()
        bob.page.get_by_role("button", name="Join").click()
        bob.connected()
        expect(bob.page.get_by_text("You may read this chat, but not write in it.")).to_be_visible()
        expect(bob.box).to_have_count(0)
        expect(chat.page.locator(".people")).to_have_text("Also here: bob")
        dialog.get_by_role("button", name="Close").click()
        chat.page.get_by_role("button", name="People", exact=True).click()
        expect(dialog.get_by_role("listitem").filter(has_text="bob")).to_contain_text("here now")
        dialog.get_by_label("Role of bob").select_option("member")
        expect(bob.box).to_be_visible()
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


def test_who_answers_and_how_soon_is_told_of_a_provider(chat: ChatPage) -> None:
    page = chat.page
    with start_provider() as far:
        call_api(page, "POST", "providers", slug="far", base_url=far.url, models={"their/words": "words"})
        wait_until(lambda: status_of(chat, "words") == "up", interval=0.2, what="the provider's model")
        page.reload()
        reply = chat.start_chat("words").ask(SHORT)
        chat.wait_for_end(reply)
        expect(reply.locator("header .model")).to_have_text("words")
        page.reload()
        page.get_by_label("Model", exact=True).select_option("words")
        said = re.compile(r"far\s+ready, first text after [\d,]+ ms")
        expect(page.locator("#new-session .provider")).to_contain_text(said)
        call_api(page, "DELETE", "providers/far")


def status_of(chat: ChatPage, model: str) -> str | None:
    models = call_api(chat.page, "GET", "models")["models"]
    return next((each["status"] for each in models if each["slug"] == model), None)

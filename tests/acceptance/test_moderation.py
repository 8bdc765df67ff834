"""The moderators' pages in a real browser: from report to appeal, the live view, a private conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chat_page import PATIENCE_MS, ChatPage, start_chromium
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PASSWORD = "nine green bottles"
CREATE = f"""
from chat.models import ChatMessage, ReportKind
from chat.services.accounts import create_user
from chat.services.moderation.reports import report_message
from chat.services.sessions import create_session
for name, role in (("ada", "user"), ("mo", "moderator"), ("cora", "moderator"), ("root", "administrator")):
    create_user(username=name, password={PASSWORD!r}, role=role)
bob = create_user(username="bob", password={PASSWORD!r}, role="user")
for kind in ("spam", "spam", "spam", "illegal"):
    said = ChatMessage.objects.create(session=create_session(user=bob), author=bob, role="user", content=kind)
    report_message(user=bob, message_id=said.id, kind=ReportKind(kind))
"""
HIDDEN = "This message was hidden by a moderator."


class People:
    """Windows of people who are logged in, each in one tab."""

    def __init__(self, chromium: Browser, stack: Stack) -> None:
        self.chats: dict[str, ChatPage] = {}
        stack.manage("shell", "-v", "0", "-c", CREATE)
        for name in ("ada", "mo", "cora", "root"):
            window = chromium.new_context(base_url=stack.url, viewport={"width": 1280, "height": 800})
            window.set_default_timeout(PATIENCE_MS)
            chat = self.chats[name] = ChatPage.open(window)
            chat.page.get_by_label("Username").fill(name)
            chat.page.get_by_label("Password").fill(PASSWORD)
            chat.page.get_by_role("button", name="Log in").click()
            expect(chat.page.get_by_role("button", name="New chat")).to_be_visible()

    def forgive(self, name: str, status: str) -> None:
        """The browser's complaint about an answer with this status, which was wanted."""
        chat = self.chats[name]
        assert all(status in complaint for complaint in chat.complaints)
        chat.complaints.clear()

    def page(self, name: str, path: str = "") -> Page:
        """Somebody's tab, on a page."""
        page = self.chats[name].page
        if path:
            page.goto(path)
        return page


@pytest.fixture(scope="module")
def people(paced_stack: Stack) -> Iterator[People]:
    """Ada, who chats, two moderators and an administrator."""
    with start_chromium() as chromium:
        found = People(chromium, paced_stack)
        yield found
        assert [chat.complaints for chat in found.chats.values()] == [[], [], [], []]


def test_from_a_report_to_an_appeal(people: People) -> None:
    chat = people.chats["ada"].start_chat("paced")
    ada, conversation = chat.page, chat.page.url
    reply = chat.ask("Say something that I may report.")
    chat.wait_for_more(reply)
    chat.stop_button.click()
    chat.wait_for_end(reply, "cancelled")
    reply.hover()
    ada.get_by_role("link", name="Report", exact=True).click()
    ada.get_by_label("What is wrong with it?").select_option("hate")
    ada.get_by_role("button", name="Report", exact=True).click()
    expect(ada.get_by_text("A moderator will look at it.")).to_be_visible()

    mo = people.page("mo", "/moderation/")
    mo.get_by_role("link", name="hate or discrimination").click()
    mo.get_by_role("button", name="Claim").click()
    expect(mo.get_by_text("The case is yours.")).to_be_visible()
    mo.get_by_label("Decision").select_option("hide")
    mo.get_by_label("Reason").fill("It is not nice.")
    mo.get_by_role("button", name="Decide", exact=True).click()
    expect(mo.get_by_text("decided by mo")).to_be_visible()

    ada.goto(conversation)
    expect(chat.replies.last).to_contain_text(HIDDEN)
    ada.goto("/notices/")
    expect(ada.get_by_text("It is not nice.")).to_be_visible()
    ada.get_by_text("Appeal", exact=True).click()
    ada.get_by_label("Why is the decision wrong?").fill("It was a quotation.")
    ada.get_by_role("button", name="Send the appeal").click()
    expect(ada.get_by_text("a second moderator will look at it")).to_be_visible()

    cora = people.page("cora", "/moderation/appeals/")
    cora.get_by_role("link", name="hate or discrimination").click()
    cora.get_by_role("button", name="Take the decision back").click()
    expect(cora.get_by_text("Overturned, decided by cora")).to_be_visible()
    ada.goto("/notices/")
    expect(ada.get_by_text("Your appeal was granted").first).to_be_visible()
    ada.goto(conversation)
    expect(chat.replies.last).not_to_contain_text(HIDDEN)


def test_of_two_moderators_one_decides(people: People) -> None:
    mo, cora = (people.page(name, "/moderation/?severity=4") for name in ("mo", "cora"))
    for page in (mo, cora):
        page.get_by_role("link", name="Illegal").click()
        expect(page.get_by_role("heading", name="Decide", exact=True)).to_be_visible()
    cora.get_by_role("button", name="Claim").click()
    expect(cora.get_by_text("The case is yours.")).to_be_visible()
    mo.get_by_label("Decision").select_option("hide")
    mo.get_by_label("Reason").fill("I have looked into it.")
    mo.get_by_role("button", name="Decide", exact=True).click()
    expect(mo.get_by_role("alert")).to_have_text("cora has claimed this case.")
    expect(mo.get_by_label("Reason")).to_have_value("I have looked into it.")
    people.forgive("mo", "409")
    cora.get_by_label("Decision").select_option("dismiss")
    cora.get_by_role("button", name="Decide", exact=True).click()
    expect(cora.get_by_text("decided by cora")).to_be_visible()
    mo.get_by_role("button", name="Decide", exact=True).click()
    expect(mo.get_by_role("alert")).to_contain_text("cora has decided this case already")
    people.forgive("mo", "409")


def test_many_cases_are_decided_at_once(people: People) -> None:
    mo = people.page("mo", "/moderation/?severity=1&source=report")
    taken = people.page("cora", "/moderation/?severity=1&source=report")
    taken.get_by_role("link", name="Spam").first.click()
    taken.get_by_role("button", name="Claim").click()
    expect(taken.get_by_text("The case is yours.")).to_be_visible()
    mo.get_by_label("Choose all cases of this page").check()
    expect(mo.get_by_role("checkbox", name="Spam", checked=True)).to_have_count(3)
    mo.get_by_label("Decision").select_option("dismiss")
    mo.get_by_role("button", name="Decide all chosen").click()
    expect(mo.get_by_text("2 decided.")).to_be_visible()
    expect(mo.get_by_role("alert")).to_contain_text("cora has claimed this case.")
    people.forgive("mo", "409")
    expect(mo.get_by_role("checkbox", name="Spam", checked=True)).to_have_count(1)
    expect(mo.get_by_label("Severity")).to_have_value("1")


def test_a_paused_queue_keeps_what_is_sent_until_it_goes_on(people: People) -> None:
    root = people.page("root", "/moderation/live/")
    root.get_by_role("button", name="Pause paced").click()
    expect(root.get_by_text("paced takes nothing new.")).to_be_visible()
    root.get_by_label("A sentence above every page").fill("Back at <ten>.")
    root.get_by_role("button", name="Set the banner").click()
    expect(root.get_by_role("main").get_by_text("Back at <ten>.")).to_be_visible()
    people.page("ada", "/")
    chat = people.chats["ada"].start_chat("paced")
    expect(chat.page.get_by_text("Back at <ten>.")).to_be_visible()
    reply = chat.ask("Say three words. [[end after 3]]")
    expect(root.get_by_role("row", name=re.compile("^ada paced . queued"))).to_be_visible()
    assert chat.text(reply) == ""
    root.get_by_role("button", name="Resume paced").click()
    assert len(chat.wait_for_end(reply).split()) == 3
    root.get_by_label("A sentence above every page").fill("")
    root.get_by_role("button", name="Set the banner").click()
    expect(root.get_by_text("There is no banner.")).to_be_visible()


def test_a_running_reply_is_read_for_a_reason_and_stopped(people: People) -> None:
    people.page("ada", "/")
    chat = people.chats["ada"].start_chat("paced")
    reply = chat.ask("Tell me something long.")
    chat.wait_for_more(reply)

    mo = people.page("mo", "/moderation/live/")
    mo.get_by_role("link", name="Open the reply for ada").click()
    expect(mo.get_by_text("This conversation is private.")).to_be_visible()
    mo.get_by_role("link", name="Read it for a written reason").click()
    mo.get_by_label("Reason").fill("Somebody has reported a threat.")
    mo.get_by_role("button", name="Read the conversation").click()
    mo.get_by_label("Password").fill(PASSWORD)
    mo.get_by_role("button", name="Confirm").click()
    text = mo.get_by_role("log")
    expect(text).to_have_text(re.compile(r"\w+ \w+"))

    mo.get_by_label("Reason, which its readers see").fill("It goes on for too long.")
    mo.get_by_role("button", name="Stop the reply").click()
    expect(text).to_contain_text("A moderator stopped this reply: It goes on for too long.")
    chat.wait_for_end(reply, "failed")
    expect(reply).to_contain_text("A moderator stopped this reply: It goes on for too long.")


def test_the_people_of_a_conversation_hear_that_it_was_read(people: People) -> None:
    ada = people.page("ada", "/notices/")
    expect(ada.get_by_text("A moderator has read a conversation of yours")).to_be_visible()


def test_the_audit_log_is_whole(people: People, paced_stack: Stack) -> None:
    assert "The audit log is whole" in paced_stack.manage("audit", "verify")

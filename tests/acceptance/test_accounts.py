"""From signing up to a login with two factors, and out again at once, in a real browser."""

from __future__ import annotations

import time
from pathlib import Path
from zipfile import ZipFile

import httpx2
import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from tests.support.chat_page import PATIENCE_MS, ChatPage, open_window, start_chromium
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]
PASSWORD = "long-and-new-1"


def enter(page: Page, name: str = "newcomer") -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def test_links_below_the_login_are_large_enough_for_a_finger(paced_stack: Stack) -> None:
    with start_chromium() as chromium:
        page = chromium.new_page(base_url=paced_stack.url, has_touch=True, is_mobile=True)
        page.goto("/accounts/login/")
        links = page.locator(".card > p > a")  # to sign up; with mail, for a forgotten password
        expect(links.first).to_be_visible()
        assert min(links.evaluate_all("links => links.map((each) => each.offsetHeight)")) >= 44


def test_sign_up_approval_second_factor_and_suspension(paced_stack: Stack) -> None:
    with start_chromium() as chromium, open_window(chromium, paced_stack) as window:
        chat = ChatPage.open(window)
        page = chat.page
        page.get_by_role("link", name="Sign up").click()
        page.get_by_label("Username").fill("newcomer")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password (again)").fill(PASSWORD)
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_text("it waits for an administrator")).to_be_visible()
        paced_stack.manage("user", "role", "newcomer", "user")

        enter(page)
        expect(page.get_by_role("button", name="New chat")).to_be_visible()
        page.goto("/accounts/2fa/totp/activate/")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        secret = page.get_by_label("Authenticator secret").input_value()
        page.get_by_label("Authenticator code").fill(code_of(secret))
        page.get_by_role("button", name="Activate").click()
        expect(page.get_by_text("Recovery Codes").first).to_be_visible()

        window.clear_cookies()
        enter(page)
        page.get_by_label("Code").fill(code_of(secret))
        page.get_by_role("button", name="Sign In").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()

        paced_stack.manage("user", "suspend", "newcomer", "--reason", "Spam")
        enter(page)
        expect(page.get_by_text("Your account is suspended: Spam.")).to_be_visible()
        assert chat.complaints == []


def test_ones_own_account_from_a_key_to_its_end(paced_stack: Stack, tmp_path: Path) -> None:
    paced_stack.manage("user", "create", "leaver", "--password", PASSWORD)
    with start_chromium() as chromium, open_window(chromium, paced_stack) as window:
        with open_window(chromium, paced_stack) as elsewhere:
            phone = ChatPage.open(elsewhere)
            enter(phone.page, "leaver")
            phone.start_chat("paced").ask("Remember the kestrel")

            chat = ChatPage.open(window)
            page = chat.page
            enter(page, "leaver")
            page.goto("/account/")
            page.get_by_label("What it is for").fill("robot")
            page.get_by_role("button", name="Create a key").click()
            secret = page.locator("code", has_text="pk_").first.inner_text()
            models = f"{paced_stack.url}/v1/models"
            assert httpx2.get(models, headers={"Authorization": f"Bearer {secret}"}).status_code == 200

            page.get_by_role("region", name="Sessions and devices").get_by_role("button").click()
            expect(phone.page.get_by_text("You are no longer logged in.")).to_be_visible()

        with page.expect_download() as download:
            page.get_by_role("button", name="Export everything").click()
        download.value.save_as(tmp_path / "mine.zip")
        with ZipFile(tmp_path / "mine.zip") as mine:
            names = [name for name in mine.namelist() if name.startswith("conversations/")]
            assert "Remember the kestrel" in mine.read(names[0]).decode()

        page.get_by_role("link", name="Delete the account").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.get_by_label("Your username").fill("leaver")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("The account is deleted")).to_be_visible()
        assert httpx2.get(models, headers={"Authorization": f"Bearer {secret}"}).status_code == 401
        enter(page, "leaver")
        expect(page.get_by_text("not correct")).to_be_visible()
        assert chat.complaints == []


def test_a_passkey_lets_in_without_a_password(paced_stack: Stack) -> None:
    paced_stack.manage("user", "create", "keyholder", "--password", PASSWORD)
    with start_chromium() as chromium, chromium.new_context(base_url=localhost(paced_stack)) as window:
        window.set_default_timeout(PATIENCE_MS)
        page = window.new_page()
        plug_in_authenticator(page)
        enter(page, "keyholder")
        expect(page.get_by_role("button", name="New chat")).to_be_visible()
        page.goto("/accounts/2fa/webauthn/add/")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.get_by_label("Name").fill("The key on my ring")
        page.get_by_label("Passwordless").check()
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("Recovery Codes").first).to_be_visible()

        window.clear_cookies()
        page.goto("/accounts/login/")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()

        window.clear_cookies()
        enter(page, "keyholder")
        page.get_by_role("button", name="Use a security key").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()


def localhost(stack: Stack) -> str:
    """A passkey belongs to a name; an address is none."""
    return f"http://localhost:{stack.port}"


def plug_in_authenticator(page: Page) -> None:
    """One that Chromium makes up, and whose owner always agrees."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    checks = {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": kind | checks})

"""Pictures of the moderators' pages: what each step from a report to an appeal looks like, and the rest."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.chat_page import PATIENCE_MS
from tests.support.stack import Stack

PASSWORD = "nine green bottles"
DESK = {"width": 1280, "height": 800}
SEED = "from bench.console_seed import seed; seed()"
STEPS = (
    *("report", "queue", "case", "decided", "notice", "appeal", "judging"),
    *("glass", "conversation", "live", "reply"),
)
"""What the documentation shows, in the light colours."""
PAGES = {
    "people": "/moderation/people/",
    "invitation": "/moderation/people/invite/",
    "appeals": "/moderation/appeals/",
    "analytics": "/moderation/analytics/?period=week",
    "rules": "/moderation/rules/",
    "rule": "/moderation/rules/new/",
    "audit": "/moderation/audit/",
    "admin": "/admin/",
    "templates": "/admin/chat/noticetemplate/",
}


class Camera:
    """Windows of people in one pair of colours; pictures go into a directory."""

    def __init__(self, browser: Browser, stack: Stack, theme: str, target: Path) -> None:
        self._browser, self._stack, self.theme, self.target = browser, stack, theme, target

    def window(self, name: str, password: str = PASSWORD) -> Page:
        """Somebody, logged in."""
        context: BrowserContext = self._browser.new_context(base_url=self._stack.url, viewport=DESK)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "theme", "value": self.theme, "url": self._stack.url}])
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()
        page.context.add_cookies([{"name": "theme", "value": self.theme, "url": self._stack.url}])
        return page

    def take(self, page: Page, what: str) -> None:
        """One picture."""
        page.wait_for_load_state("networkidle")
        page.screenshot(path=self.target / f"moderation-{what}-{self.theme}.png")


def photograph_console(browser: Browser, stack: Stack, target: Path) -> None:
    """On a stack with the paced backend, once in light colours and once in dark ones."""
    stack.manage("shell", "-v", "0", "-c", SEED)
    for theme in ("light", "dark"):
        camera = Camera(browser, stack, theme, target)
        ada, mo, cora = (camera.window(name) for name in ("ada", "mo", "cora"))
        _from_report_to_appeal(camera, ada, mo, cora)
        _live(camera, ada, mo)
        root = camera.window(stack.username, stack.password)
        for what, path in PAGES.items():
            root.goto(path)
            camera.take(root, what)
        root.goto("/moderation/people/?name=eve")
        root.get_by_role("link", name="eve").click()
        camera.take(root, "person")
        for page in (ada, mo, cora, root):
            page.context.close()


def _from_report_to_appeal(camera: Camera, ada: Page, mo: Page, cora: Page) -> None:
    ada.get_by_role("link", name=f"A quarrel ({camera.theme})").first.click()
    said = ada.locator("article[data-role=assistant]").last
    said.hover()
    ada.get_by_role("link", name="Report", exact=True).last.click()
    ada.get_by_label("What is wrong with it?").select_option("hate")
    ada.get_by_label("In your own words").fill("It insults a whole village.")
    camera.take(ada, "report")
    ada.get_by_role("button", name="Report", exact=True).click()
    mo.goto("/moderation/")
    camera.take(mo, "queue")
    mo.get_by_role("link", name="hate or discrimination").first.click()
    mo.get_by_role("button", name="Claim").click()
    expect(mo.get_by_text("The case is yours.")).to_be_visible()
    mo.get_by_label("Decision").select_option("hide")
    mo.get_by_label("Reason").fill("It insults people for where they live.")
    camera.take(mo, "case")
    mo.get_by_role("button", name="Decide", exact=True).click()
    camera.take(mo, "decided")
    ada.goto("/notices/")
    camera.take(ada, "notice")
    ada.get_by_text("Appeal", exact=True).first.click()
    ada.get_by_label("Why is the decision wrong?").first.fill("It was a quotation from a play.")
    camera.take(ada, "appeal")
    ada.get_by_role("button", name="Send the appeal").first.click()
    cora.goto("/moderation/appeals/")
    cora.get_by_role("link", name="hate or discrimination").first.click()
    camera.take(cora, "judging")
    cora.get_by_role("button", name="Take the decision back").click()
    expect(cora.get_by_text("decided by cora")).to_be_visible()


def _live(camera: Camera, ada: Page, mo: Page) -> None:
    ada.goto("/")
    ada.get_by_role("button", name="New chat").click()
    ada.get_by_role("textbox", name="Message", exact=True).fill("Tell me a long story of the sea.")
    ada.get_by_role("button", name="Send", exact=True).click()
    expect(ada.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    mo.goto("/moderation/live/")
    expect(mo.get_by_role("row", name="ada paced").first).to_contain_text("running")
    camera.take(mo, "live")
    mo.get_by_role("link", name="Open the reply for ada").first.click()
    mo.get_by_role("link", name="Read it for a written reason").click()
    mo.get_by_label("Reason").fill("Somebody has reported a threat in this conversation.")
    camera.take(mo, "glass")
    mo.get_by_role("button", name="Read the conversation").click()
    if mo.get_by_label("Password").is_visible():
        mo.get_by_label("Password").fill(PASSWORD)
        mo.get_by_role("button", name="Confirm").click()
    expect(mo.get_by_role("log")).not_to_be_empty()
    mo.get_by_label("Reason, which its readers see").fill("It goes on for too long.")
    mo.screenshot(path=camera.target / f"moderation-reply-{camera.theme}.png")
    mo.get_by_role("button", name="Stop the reply").click()
    expect(mo.get_by_role("log")).to_contain_text("A moderator stopped this reply")
    mo.goto(f"/moderation/conversations/{ada.url.rstrip('/').rsplit('/', 1)[-1]}/")
    camera.take(mo, "conversation")

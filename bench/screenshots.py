"""`make screenshots`: the main pages in every look, as pictures in `var/screenshots`
(`python -m bench.screenshots [PART …]`).

Parts: `pages`, with the demo model; `readme`, a conversation with it, for the README; `console`, the
moderators' pages, whose steps go into `docs/images` too.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.console_screenshots import STEPS, photograph_console
from tests.support.chat_page import PATIENCE_MS, ChatPage, call_api, start_chromium
from tests.support.stack import ROOT, Stack, start_stack

TARGET = ROOT / "var" / "screenshots"
IMAGES = ROOT / "docs" / "images"
QUESTION = (
    "How do I turn a list of words into a table of counts? Show me the code and the formula for a share."
)
ANSWER = """Use a `Counter`, which is a dictionary that counts:

```python
from collections import Counter

words = "to be or not to be".split()
for word, count in Counter(words).most_common():
    print(f"{word:>4} {count}")  # most frequent first
```

| word | count |
| --- | ---: |
| to | 2 |
| be | 2 |
| or | 1 |

The share of a word among all $n$ words is

$$p_w = \\frac{c_w}{\\sum_{v} c_v}$$

See [the documentation](https://docs.python.org/3/library/collections.html) for the rest."""
TITLES = ("Recipes for the weekend", "Letters to the landlord", "Sea trip in June")
ASKED = ("What is Parley?", "What is 7 * 8?", "Tell me a short story about a fox.")
"""What the demo model is asked for the README's picture."""
PAGES = {
    "chat": "/chat/{session}/",
    "search": "/search/?words=counts",
    "batches": "/batches/",
    "import": "/import/",
    "notices": "/notices/",
    "account": "/account/",
    "missing": "/nowhere/",
}
OPENED = {
    "settings": "[data-dialog=settings]",
    "people": "[data-dialog=people]",
    "share": "[popovertarget=session-menu]",
    "setup": "[data-opens=setup]",
    "menu": "[popovertarget=account]",
}
"""What opens over a chat, and the button that opens it."""
IN_SIDEBAR = {"setup", "menu"}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a page is looked at."""

    name: str
    theme: str
    language: str = "en"
    is_dark: bool = False
    is_phone: bool = False

    def window(self, browser: Browser, stack: Stack, login: Any = None) -> BrowserContext:
        """A window of that kind."""
        context = browser.new_context(
            base_url=stack.url,
            storage_state=login,
            viewport={"width": 375, "height": 812} if self.is_phone else {"width": 1280, "height": 800},
            is_mobile=self.is_phone,
            has_touch=self.is_phone,
            device_scale_factor=2 if self.is_phone else 1,
            color_scheme="dark" if self.is_dark else "light",
        )
        context.set_default_timeout(PATIENCE_MS)
        for name, value in (("theme", self.theme), ("django_language", self.language)):
            context.add_cookies([{"name": name, "value": value, "url": stack.url}])
        return context


THEMES = (
    Look(name="light", theme="light"),
    Look(name="dark", theme="dark", is_dark=True),
    Look(name="contrast", theme="contrast"),
    Look(name="contrast-dark", theme="contrast", is_dark=True),
    Look(name="german", theme="light", language="de"),
)
LOOKS = (
    *THEMES,
    *(
        Look(
            name=f"{look.name}-phone",
            theme=look.theme,
            language=look.language,
            is_dark=look.is_dark,
            is_phone=True,
        )
        for look in THEMES
    ),
)


def photograph_pages() -> None:
    """Every page in every look."""
    with _stage() as (stack, browser):
        login, session = _prepare(browser, stack)
        for look in LOOKS:
            photograph_look(browser, stack, look, login, session)


def photograph_look(browser: Browser, stack: Stack, look: Look, login: Any, session: str) -> None:
    """Every page in one look."""
    context = look.window(browser, stack, login)
    page = context.new_page()
    for what, path in PAGES.items():
        _take(page, look, what, path.format(session=session))
    for what, button in OPENED.items():
        page.goto(f"/chat/{session}/")
        if look.is_phone and what in IN_SIDEBAR:
            page.locator("[popovertarget=sidebar]").click()
        page.locator(button).first.click()
        _take(page, look, what)
    page.goto(f"/chat/{session}/")
    if look.is_phone:
        page.locator("[popovertarget=sidebar]").click()
        _take(page, look, "sidebar")
    else:
        page.keyboard.press("Control+k")
        expect(page.locator("parley-palette [role=option]").first).to_be_visible()
        _take(page, look, "palette")
    context.close()
    stranger = look.window(browser, stack)
    _take(stranger.new_page(), look, "login", "/accounts/login/")
    stranger.close()


def photograph_readme() -> None:
    """A conversation with the demo model, as it answers."""
    with _stage() as (stack, browser):
        context = LOOKS[0].window(browser, stack)
        chat = ChatPage.open(context).log_in(stack)
        for title in TITLES:
            call_api(chat.page, "POST", "sessions", title=title, tags=["home"])
        session = call_api(chat.page, "POST", "sessions", title="A first chat", tags=["demo"])["id"]
        chat.page.goto(f"/chat/{session}/")
        chat.connected()
        for text in ASKED:
            reply = chat.ask(text)
            expect(reply).to_have_attribute("data-status", "complete")
        counted = chat.page.locator(".session-row").first
        expect(counted).to_contain_text(f"{2 * len(ASKED)} messages")
        chat.page.screenshot(path=IMAGES / "chat.png")
        context.close()


def photograph_moderation() -> None:
    """The moderators' pages."""
    with start_stack("--backend", "paced", PACED_RATE="8") as stack, start_chromium() as browser:
        photograph_console(browser, stack, TARGET)
    for step in STEPS:
        shutil.copy(TARGET / f"moderation-{step}-light.png", IMAGES / f"moderation-{step}.png")


PARTS = {"pages": photograph_pages, "readme": photograph_readme, "console": photograph_moderation}


@contextmanager
def _stage() -> Iterator[tuple[Stack, Browser]]:
    """A stack of its own, with the demo model, and a browser."""
    with start_stack() as stack, start_chromium() as browser:
        yield stack, browser


def _prepare(browser: Browser, stack: Stack) -> tuple[Any, str]:
    """A login, and a chat to look at. A newcomer's first page is photographed on the way."""
    with browser.new_context(base_url=stack.url) as context:
        chat = ChatPage.open(context).log_in(stack)
        login = context.storage_state()
        for look in LOOKS:
            window = look.window(browser, stack, login)
            _take(window.new_page(), look, "welcome", "/")
            window.close()
        for title in TITLES:
            call_api(chat.page, "POST", "sessions", title=title, tags=["home"])
        session = str(call_api(chat.page, "POST", "sessions", title="Counting words", tags=["python"])["id"])
        for role, content in (("user", QUESTION), ("assistant", ANSWER)):
            path = f"sessions/{session}/messages"
            call_api(chat.page, "POST", path, role=role, content=content, respond=False)
    return login, session


def _take(page: Page, look: Look, what: str, path: str = "") -> None:
    """One picture, of the page at `path` or of what is shown."""
    if path:
        page.goto(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=TARGET / f"{what}-{look.name}.png")


def main() -> None:
    """Take the named parts, or all."""
    parser = argparse.ArgumentParser(prog="bench.screenshots", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    TARGET.mkdir(parents=True, exist_ok=True)
    for part in parser.parse_args().parts or PARTS:
        PARTS[part]()
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

"""`make screenshots`: the main pages, in every theme and on a phone, as pictures in `var/screenshots`.

Those of the moderators' steps go into `docs/images` too.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.console_screenshots import STEPS, photograph_console
from tests.support.chat_page import ChatPage, call_api, start_chromium
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
PAGES = {
    "chat": "/chat/{session}/",
    "search": "/search/?words=counts",
    "batches": "/batches/",
    "import": "/import/",
}
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}


def main() -> None:
    """On a stack of its own, with the demo model."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with start_stack() as stack, start_chromium() as browser:
        state, session = _prepare(browser, stack)
        for theme in ("light", "dark", "contrast"):
            _photograph(browser, stack, state, session, theme, phone=False)
        _photograph(browser, stack, state, session, "light", phone=True)
        state.unlink()
    with start_stack("--backend", "paced", PACED_RATE="8") as stack, start_chromium() as browser:
        photograph_console(browser, stack, TARGET)
    for step in STEPS:
        shutil.copy(TARGET / f"moderation-{step}-light.png", IMAGES / f"moderation-{step}.png")
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET.relative_to(ROOT)}")


def _prepare(browser: Browser, stack: Stack) -> tuple[Path, str]:
    context = browser.new_context(base_url=stack.url)
    chat = ChatPage.open(context).log_in(stack)
    for title in TITLES:
        call_api(chat.page, "POST", "sessions", title=title, tags=["home"])
    session = str(call_api(chat.page, "POST", "sessions", title="Counting words", tags=["python"])["id"])
    for role, content in (("user", QUESTION), ("assistant", ANSWER)):
        call_api(chat.page, "POST", f"sessions/{session}/messages", role=role, content=content, respond=False)
    state = TARGET / "login.json"
    context.storage_state(path=state)
    context.close()
    return state, session


def _photograph(
    browser: Browser, stack: Stack, state: Path, session: str, theme: str, *, phone: bool
) -> None:
    context = browser.new_context(
        base_url=stack.url,
        storage_state=state,
        viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
        is_mobile=phone,
        has_touch=phone,
        device_scale_factor=2,
    )
    context.add_cookies([{"name": "theme", "value": theme, "url": stack.url}])
    page = context.new_page()
    name = "mobile" if phone else theme
    for what, path in PAGES.items():
        page.goto(path.format(session=session))
        expect(page.locator("h1")).to_be_attached()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=TARGET / f"{what}-{name}.png")
    _photograph_more(page, name, phone=phone)
    _photograph_settings(page, session, name)
    _photograph_login(browser, stack, context, theme, name)
    context.close()


def _photograph_more(page: Page, name: str, *, phone: bool) -> None:
    if phone:
        page.get_by_role("button", name="Chats").click()
        page.screenshot(path=TARGET / f"sidebar-{name}.png")
        return
    page.keyboard.press("Control+k")
    expect(page.locator("parley-palette [role=option]").first).to_be_visible()
    page.screenshot(path=TARGET / f"palette-{name}.png")


def _photograph_settings(page: Page, session: str, name: str) -> None:
    page.goto(f"/chat/{session}/")
    page.get_by_role("button", name="Chat settings").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Save")).to_be_visible()
    page.screenshot(path=TARGET / f"settings-{name}.png")


def _photograph_login(browser: Browser, stack: Stack, like: BrowserContext, theme: str, name: str) -> None:
    viewport = like.pages[0].viewport_size
    stranger = browser.new_context(base_url=stack.url, viewport=viewport, device_scale_factor=2)
    stranger.add_cookies([{"name": "theme", "value": theme, "url": stack.url}])
    page = stranger.new_page()
    page.goto("/accounts/login/")
    page.screenshot(path=TARGET / f"login-{name}.png")
    stranger.close()


if __name__ == "__main__":
    main()

"""Around the chat, in a real browser: themes, keyboard, phones, no network, hostile text."""

from __future__ import annotations

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, BrowserContext, FilePayload, expect

from chatproject.translations import LOCALES
from tests.support.axe import violations
from tests.support.chat_page import ChatPage, call_api, open_window
from tests.support.hostile import MESSAGES, TITLE
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PAGES = (
    *("/chat/{session}/", "/search/?words=harbour", "/import/", "/batches/", "/offline/", "{shared}"),
    *("/account/", "/accounts/password/change/", "/accounts/email/", "/accounts/2fa/", "/notices/"),
    *("/moderation/", "/moderation/live/", "/moderation/appeals/", "/moderation/analytics/"),
)
THEMES = ("light", "dark", "contrast")
TEXT = "A [link](https://example.org/x), `code`\n\n```python\nx = 1  # one\n```\n\n|a|\n|-|\n|1|\n\n$$x^2$$"
SMALL = """() => [...document.querySelectorAll('button, a[href], select, input:not([type=hidden]), summary')]
  .filter((each) => each.checkVisibility())
  .filter((each) => !each.matches('p a, li a, .skip-link, [type=checkbox], .prose *'))
  .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.height < 43.5 || box.width < 43.5))
  .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""
STICKING_OUT = """() => [...document.querySelectorAll('.dock :not(.visually-hidden)')]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth)
  .map((each) => each.outerHTML.slice(0, 80))"""
COLOUR = "element => getComputedStyle(element).color"
ROOM_BELOW_OUTLINE = """article => {
  const { outlineStyle, outlineOffset, outlineWidth } = getComputedStyle(article);
  const [own, run] = [article, article.closest('.run')].map((each) => each.getBoundingClientRect().bottom);
  const outside = parseFloat(outlineOffset) + parseFloat(outlineWidth);
  return outlineStyle === 'none' ? -1 : run - own - outside;
}"""
ENGLISH = """known => {
  const ours = 'script, article, .session-name, .title, .session-row summary, .tag, .found a, .found p, '
    + '[name=session] option, [lang]:not(html)';
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(ours)) texts.push(walker.currentNode.data);
  }
  for (const name of ['aria-label', 'placeholder', 'title', 'alt'])
    for (const each of document.querySelectorAll(`[${name}]`))
      if (!each.closest(ours)) texts.push(each.getAttribute(name));
  const isEnglish = text => known.includes(text) || /\\b(the|your|you|with|of|and)\\b/.test(text);
  return texts.map(text => text.trim()).filter(isEnglish);
}"""


def untranslated() -> list[str]:
    """What is said in English, and differently in German."""
    texts: dict[str, str] = {}
    for path in sorted((LOCALES / "de").glob("*/django*.po")):
        with path.open("rb") as file:
            texts |= {str(each.id): str(each.string) for each in read_po(file) if each.id}
    return sorted(set(texts) - set(texts.values()))


@pytest.fixture(scope="module")
def chat(window: BrowserContext, demo_stack: Stack) -> ChatPage:
    """One tab for all of it, logged in."""
    return ChatPage.open(window).log_in(demo_stack)


@pytest.fixture(scope="module")
def session(chat: ChatPage) -> str:
    """A chat with one message of everything."""
    session: str = call_api(chat.page, "POST", "sessions", title="Boats", tags=["sea"])["id"]
    say(chat, session, "What is in the harbour?", role="user")
    reply = say(chat, session, TEXT, role="assistant")
    call_api(chat.page, "PUT", f"messages/{reply}/reactions/😮")
    return session


def attach(chat: ChatPage, session: str, name: str) -> str:
    token = chat.page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = chat.page.request.post(
        f"/api/v1/chat/sessions/{session}/upload",
        headers={"X-CSRFToken": token, "Referer": chat.page.url},
        multipart={"file": {"name": name, "mimeType": "text/plain", "buffer": b"Tea at five."}},
    )
    assert answer.ok, answer.text()
    found: str = answer.json()["id"]
    return found


def say(chat: ChatPage, session: str, content: str, *, role: str) -> str:
    path = f"sessions/{session}/messages"
    said: str = call_api(chat.page, "POST", path, content=content, role=role, respond=False)["id"]
    return said


@pytest.fixture(scope="module")
def shared(chat: ChatPage, session: str) -> str:
    """Where anybody may read it."""
    return share(chat, session)


def share(chat: ChatPage, session: str) -> str:
    chat.page.goto(f"/chat/{session}/")
    chat.page.get_by_role("button", name="Export and share").click()
    chat.page.get_by_role("button", name="Create a link").click()
    return chat.page.get_by_label("Anybody with this link").input_value()


@pytest.mark.parametrize("theme", THEMES)
def test_no_page_shuts_anybody_out(
    chat: ChatPage, session: str, shared: str, theme: str, demo_stack: Stack
) -> None:
    chat.page.context.add_cookies([{"name": "theme", "value": theme, "url": demo_stack.url}])
    found = []
    for path in PAGES:
        chat.page.goto(path.format(session=session, shared=shared))
        expect(chat.page.locator("html")).to_have_attribute("data-theme", theme)
        expect(chat.page.locator("h1")).to_be_attached()
        if "session" in path:
            chat.connected()
        found += [f"{path}: {each}" for each in violations(chat.page)]
    assert found == []


def test_the_login_shuts_nobody_out(chromium: Browser, demo_stack: Stack) -> None:
    with open_window(chromium, demo_stack) as stranger:
        page = stranger.new_page()
        page.goto("/accounts/login/")
        assert violations(page) == []


def test_everything_is_found_from_the_keyboard(chat: ChatPage, session: str) -> None:
    page = chat.page
    page.goto(f"/chat/{session}/")
    chat.connected()
    page.keyboard.press("Control+/")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Command or chat").fill("batch")
    expect(page.get_by_role("option", name="Batches")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Enter")
    page.wait_for_url("**/batches/")
    page.keyboard.press("Control+Shift+F")
    page.wait_for_url("**/search/")
    page.get_by_label("Words").fill("harb")
    page.locator("#search-results").get_by_role("link", name="Boats").first.click()
    expect(page.locator("[data-shown]")).to_contain_text("What is in the harbour?")
    assert page.locator("[data-shown] > article").evaluate(ROOM_BELOW_OUTLINE) >= 0


def test_a_theme_is_chosen_without_a_flash(chat: ChatPage, session: str) -> None:
    page = chat.page
    page.goto(f"/chat/{session}/")
    page.locator(".account-button").click()
    with page.expect_response("**/preferences/"):
        page.get_by_label("Colours").select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_every_page_speaks_german(chromium: Browser, session: str, demo_stack: Stack) -> None:
    english = untranslated()
    with chromium.new_context(base_url=demo_stack.url, locale="de-DE") as window:
        page = window.new_page()
        page.goto("/")
        page.get_by_label("Benutzername").fill(demo_stack.username)
        page.get_by_label("Passwort").fill(demo_stack.password)
        page.get_by_role("button", name="Anmelden").click()
        expect(page.get_by_role("button", name="Neuer Chat")).to_be_visible()
        page.goto(f"/chat/{session}/")
        expect(page.get_by_text("Verbunden", exact=True)).to_be_visible()
        page.get_by_role("textbox", name="Nachricht").fill("Hallo!")
        page.get_by_role("button", name="Senden").click()
        reply = page.locator("article[data-role=assistant]").nth(1)
        reply.get_by_role("button", name="Einzelheiten").click()
        expect(reply.locator(".measurements")).to_contain_text("Tempo")
        found = page.evaluate(ENGLISH, english)
        page.get_by_role("button", name="Einstellungen des Chats").click()
        page.get_by_role("dialog").get_by_text("Parameter", exact=True).click()
        found += page.evaluate(ENGLISH, english)
        for path in PAGES:
            page.goto(path.format(session=session, shared=""))
            expect(page.locator("html")).to_have_attribute("lang", "de")
            found += [f"{path}: {text}" for text in page.evaluate(ENGLISH, english)]
        assert found == []
        too_long: str = call_api(page, "POST", "sessions", title="Lang")["id"]
        call_api(page, "POST", f"sessions/{too_long}/messages", content="Hallo " * 4000)
        page.goto(f"/chat/{too_long}/")
        expect(page.locator("article[data-status=failed]")).to_contain_text("unter „Lange Gespräche“")
        page.goto(f"/chat/{session}/")
        page.locator(".account-button").click()
        page.get_by_label("Sprache").select_option("en")
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_phone_has_room_for_a_finger(
    chromium: Browser, chat: ChatPage, session: str, demo_stack: Stack
) -> None:
    phone = chromium.new_context(
        base_url=demo_stack.url,
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        storage_state=chat.page.context.storage_state(),
    )
    page = phone.new_page()
    for path in (f"/chat/{session}/", "/search/?words=harbour", "/import/"):
        page.goto(path)
        page.get_by_role("button", name="Chats").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()
        assert page.evaluate(SMALL) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"/chat/{session}/")
    page.get_by_role("button", name="More actions").last.click()
    expect(page.get_by_role("button", name="Delete").last).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Details").last.click()
    expect(page.get_by_role("button", name="Run again exactly")).to_be_visible()
    assert page.evaluate(SMALL) == []
    phone.close()


def test_nothing_sticks_out_of_a_narrow_window(chromium: Browser, chat: ChatPage, demo_stack: Stack) -> None:
    narrow: str = call_api(chat.page, "POST", "sessions", title="Lang " * 30)["id"]
    call_api(chat.page, "POST", f"sessions/{narrow}/messages", content="Hello!")
    say(chat, narrow, "# Heading\n\nText", role="assistant")
    with chromium.new_context(
        base_url=demo_stack.url,
        locale="de-DE",
        viewport={"width": 360, "height": 780},
        storage_state=chat.page.context.storage_state(),
    ) as window:
        window.add_cookies([{"name": "django_language", "value": "de", "url": demo_stack.url}])
        page = window.new_page()
        page.goto(f"/chat/{narrow}/")
        expect(page.get_by_text("Verbunden", exact=True)).to_be_visible()
        expect(page.locator(".context")).to_be_visible()
        page.locator("parley-composer input[type=file]").set_input_files(
            FilePayload(name="name " * 30 + ".txt", mimeType="text/plain", buffer=b"Tea at five.")
        )
        page.get_by_role("button", name="entfernen").click(trial=True)
        assert page.evaluate(STICKING_OUT) == []
        heading = page.locator(".prose h3")
        assert heading.evaluate(COLOUR) == page.locator(".prose").last.evaluate(COLOUR)


def test_hostile_content_does_nothing_anywhere(chat: ChatPage) -> None:
    hostile: str = call_api(chat.page, "POST", "sessions", title=TITLE, tags=[TITLE[:50]])["id"]
    for text in MESSAGES:
        say(chat, hostile, text, role="assistant")
    file = attach(chat, hostile, f"{TITLE}.txt".replace("/", ""))
    call_api(
        chat.page, "POST", f"sessions/{hostile}/messages", content="See.", attachments=[file], respond=False
    )
    requests: list[str] = []
    chat.page.on("request", lambda request: requests.append(request.url))
    for url in (share(chat, hostile), f"/chat/{hostile}/", "/search/?words=alert"):
        chat.page.goto(url)
        expect(chat.page.locator("h1")).to_be_attached()
        chat.page.wait_for_load_state("networkidle")
        assert chat.page.evaluate("globalThis.stolen") is None
        assert (
            chat.page.locator(
                "main :is(script:not([type='application/json']), img, iframe, object, form[action*=evil])"
            ).count()
            == 0
        )
        links = chat.page.locator(".prose a[href]")
        for link in links.all():
            assert (link.get_attribute("href") or "").startswith(("http://", "https://", "mailto:"))
            assert link.get_attribute("rel") == "noopener noreferrer"
            assert link.get_attribute("title")
    assert [url for url in requests if "evil.example" in url] == []


def test_it_is_installed_and_read_without_a_network_until_one_logs_out(
    chromium: Browser, chat: ChatPage, session: str, demo_stack: Stack
) -> None:
    with open_window(chromium, demo_stack) as window:
        own = ChatPage.open(window).log_in(demo_stack)
        page = own.page
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        devtools = window.new_cdp_session(page)
        assert devtools.send("Page.getAppManifest")["errors"] == []
        missing = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
        assert [each for each in missing if each["errorId"] != "in-incognito"] == []
        page.goto(f"/chat/{session}/")
        own.connected()
        page.wait_for_function("() => navigator.serviceWorker.controller")
        page.reload()
        own.connected()
        window.set_offline(True)
        page.reload()
        expect(page.locator("article").first).to_contain_text("What is in the harbour?")
        page.goto("/search/")
        page.get_by_role("link", name="Boats").click()
        expect(page.locator("article").first).to_contain_text("What is in the harbour?")
        window.set_offline(False)
        page.goto("/batches/")
        page.locator(".account-button").click()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/accounts/login/")
        window.set_offline(True)
        page.goto(f"/chat/{session}/")
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        expect(page.get_by_role("link", name="Boats")).to_have_count(0)
        window.set_offline(False)
        page.get_by_role("link", name="Try again").click()
        expect(page.get_by_label("Username")).to_be_visible()

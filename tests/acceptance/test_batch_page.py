"""The batch pages in a real browser: a file is dropped, a job watched, its results taken home."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.batches import request_line
from tests.support.chat_page import PATIENCE_MS, ChatPage, open_window, start_chromium
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

LONG_MS = 90_000


@pytest.fixture(scope="module")
def page(paced_stack: Stack) -> Iterator[Page]:
    """One tab for the whole file; nothing may complain behind the scenes."""
    with start_chromium() as browser, open_window(browser, paced_stack) as window:
        chat = ChatPage.open(window).log_in(paced_stack)
        yield chat.page
        assert chat.complaints == []


def write(directory: Path, name: str, *lines: Any) -> Path:
    """A file of requests; what is not a request is written as it is."""
    path = directory / name
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def requests(count: int, *, tokens: int) -> list[dict[str, Any]]:
    return [request_line(f"row-{n}", content=f"={n}", body={"max_tokens": tokens}) for n in range(count)]


def drop(page: Page, path: Path) -> None:
    """Drag a file from the desktop onto the page's place for it, and upload it."""
    page.goto("/batches/")
    place = page.locator(".dropzone input").bounding_box()
    assert place is not None
    devtools = page.context.new_cdp_session(page)
    at = {"x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})
    expect(page.locator(".dropzone input")).to_have_value(f"C:\\fakepath\\{path.name}")
    page.get_by_role("button", name="Upload").click()


def expect_state(page: Page, state: str) -> None:
    """The page says so by itself."""
    expect(page.locator("#batch-progress strong").first).to_have_text(state, timeout=LONG_MS)


def download(page: Page, link: str) -> str:
    with page.expect_download(timeout=PATIENCE_MS) as taken:
        page.get_by_role("link", name=link).click()
    return Path(taken.value.path()).read_text(encoding="utf-8-sig")


def test_a_bad_file_is_told_line_by_line(page: Page, tmp_path: Path) -> None:
    drop(page, write(tmp_path, "bad.jsonl", request_line("a"), "{", request_line("a")))
    expect_state(page, "Failed")
    report = page.get_by_role("row")
    expect(report.filter(has_text="not a valid JSON object")).to_contain_text("2")
    expect(report.filter(has_text="same 'custom_id'")).to_contain_text("3")


def test_a_job_is_watched_and_its_results_are_taken_home(page: Page, tmp_path: Path) -> None:
    drop(page, write(tmp_path, "good.jsonl", *requests(24, tokens=20)))
    expect_state(page, "Completed")
    expect(page.get_by_role("progressbar", name="Lines that have ended")).to_have_attribute("value", "24")
    expect(page.get_by_text("24 / 24")).to_be_visible()
    expect(page.get_by_role("row", name="row-23")).to_be_visible()
    lines = [json.loads(line) for line in download(page, "Results as JSONL").splitlines()]
    assert [line["custom_id"] for line in lines] == [f"row-{number}" for number in range(24)]
    said = lines[0]["response"]["body"]["choices"][0]["message"]["content"]
    table = list(csv.DictReader(download(page, "Results as CSV").splitlines()))
    assert (len(table), table[0]["custom_id"], table[0]["text"].lstrip("'")) == (24, "row-0", said)


def test_a_job_is_cancelled_and_what_it_lacks_tried_again(page: Page, tmp_path: Path) -> None:
    drop(page, write(tmp_path, "long.jsonl", *requests(2, tokens=2), *requests_long()))
    page.evaluate("globalThis.isOpen = true")
    expect_state(page, "In Progress")
    expect(page.locator("header .model")).to_have_text("paced")
    assert page.evaluate("isOpen")  # without a reload
    expect(page.get_by_text("2 / 6")).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Cancel").click()
    expect_state(page, "Cancelled")
    page.get_by_role("button", name="Retry failed").click()
    expect_state(page, "In Progress")
    page.get_by_role("button", name="Cancel").click()
    expect_state(page, "Cancelled")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Your batches")).to_be_visible()
    expect(page.get_by_text("long.jsonl")).to_have_count(0)


def requests_long() -> list[dict[str, Any]]:
    """They do not end while anybody looks."""
    return [request_line(f"long-{number}", body={"max_tokens": 3500}) for number in range(4)]

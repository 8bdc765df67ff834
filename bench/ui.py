"""`make bench-ui`: what the chat page costs a browser, on the paced backend (`python -m bench.ui [NAME …]`).

Chromium without a window draws at 60 frames a second. Interactive means: the message can be written.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from bench.report import Result, percentile, print_table, save
from tests.support.chat_client import seed_messages, seed_sessions
from tests.support.chat_page import ChatPage, call_api, start_chromium
from tests.support.stack import Stack, start_stack

MODEL = "paced"
RATE = 50
KIB, MIB = 1 << 10, 1 << 20
WATCH = """
globalThis.marks = {long: []};
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) marks.long.push(task.duration);
}).observe({type: "longtask", buffered: true});
const look = () => {
  if (document.querySelector("#message-box")) marks.interactive ??= performance.now();
  if (document.querySelector("article")) marks.shown ??= performance.now();
  if (!marks.interactive || !marks.shown) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
SCRIPTS = """() => performance.getEntriesByType("resource")
  .filter(({name}) => name.split("?")[0].endsWith(".js") && !name.includes("service-worker"))
  .reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0)"""
SCROLL = """async (step) => {
  const pane = document.querySelector(".transcript");
  const frames = [];
  let last = performance.now();
  while (pane.scrollTop > 0 || document.querySelector(".earlier")) {
    pane.scrollTop -= step;
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - last);
    last = performance.now();
  }
  return frames;
}"""
FRAMES = """() => {
  globalThis.frames_ = [];
  let last = performance.now();
  const count = (now) => { frames_.push(now - last); last = now; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}"""


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    loads: int = 7
    messages: int = 5_000
    streams: int = 8
    seconds: int = 60


QUICK = Plan(loads=2, messages=300, streams=2, seconds=8)


@dataclass(frozen=True)
class Bench:
    """A browser, a stack, and where the login is."""

    browser: Browser
    stack: Stack
    login: Any
    plan: Plan

    @contextmanager
    def window(self) -> Iterator[BrowserContext]:
        """A window that is logged in and has nothing in its cache; its pages watch themselves."""
        context = self.browser.new_context(
            base_url=self.stack.url, viewport={"width": 1280, "height": 800}, storage_state=self.login
        )
        context.add_init_script(WATCH)
        try:
            yield context
        finally:
            context.close()

    def session(self) -> str:
        """A new one."""
        return seed_sessions(self.stack, 1, model=MODEL)[0]

    def seeded(self, count: int) -> str:
        """One with messages."""
        session = self.session()
        seed_messages(self.stack, session, count)
        return session


def opening(bench: Bench) -> list[Result]:
    """A chat with a question and an answer, with nothing cached."""
    session = bench.seeded(2)
    times, sizes = [], []
    for _ in range(bench.plan.loads + 1):
        with bench.window() as window:
            page = window.new_page()
            page.goto(f"/chat/{session}/")
            times.append(_mark(page, "interactive"))
            sizes.append(page.evaluate(SCRIPTS) / KIB)
    samples = times[1:]  # the server's first page is its own start
    return [
        _result("chat page, cold → interactive", "ms", samples, bounds={"median": 1_000}),
        _result("JavaScript before the first message, compressed", "KiB", sizes[1:], bounds={"max": 200}),
    ]


def long_session(bench: Bench) -> list[Result]:
    """Opening a long session, and scrolling up to its beginning, which loads it by and by."""
    session = bench.seeded(bench.plan.messages)
    times = []
    for _ in range(bench.plan.loads):
        with bench.window() as window:
            page = window.new_page()
            page.goto(f"/chat/{session}/")
            times.append(_mark(page, "shown"))
    with bench.window() as window:
        page = ChatPage.open(window, f"/chat/{session}/").connected().page
        page.evaluate("marks.long = []")
        frames = page.evaluate(SCROLL, 600)
        long = page.evaluate("marks.long")
        shown = page.locator("article").count()
    count = bench.plan.messages
    return [
        _result(f"session of {count} messages → shown", "ms", times, bounds={"median": 1_000}),
        _result(f"scrolling up to message {shown}, frames", "ms", frames, bounds={}),
        _result("the same, long tasks", "ms", long or [0.0], bounds={"max": 100}),
    ]


def streams(bench: Bench) -> list[Result]:
    """Several replies of one session at once, each at 50 tokens a second, one of them in view."""
    plan = bench.plan
    session = bench.seeded(2)
    with bench.window() as window:
        chat = ChatPage.open(window, f"/chat/{session}/").connected()
        page, devtools = chat.page, window.new_cdp_session(chat.page)
        parent = page.locator("article").last.get_attribute("data-message-id")
        options = {"max_tokens": RATE * (plan.seconds + 30)}
        for number in range(plan.streams):
            content = f"Tell me something long ({number})."
            call_api(
                *(page, "POST", f"sessions/{session}/messages"),
                content=content,
                parent_id=parent,
                options=options,
            )
        expect(page.locator("article[data-role=user]").last).to_contain_text(content)
        chat.wait_for_more(chat.replies.last, 200)
        before = _heap(devtools)
        page.evaluate(FRAMES)
        page.evaluate("marks.long = []")
        page.wait_for_timeout(plan.seconds * 1_000)
        frames, long = page.evaluate("[frames_, marks.long]")
        after = _heap(devtools)
        chat.stop_button.click()
    name = f"{plan.streams} streams of {RATE} tok/s for {plan.seconds} s"
    return [
        _result(f"{name}: frames", "ms", frames, bounds={"median": 17, "p95": 50}),
        _result(f"{name}: long tasks", "ms", long or [0.0], bounds={}),
        Result(
            name=f"{name}: heap",
            unit="MiB",
            bounds={"growth": 10},
            figures={"before": before, "after": after, "growth": round(after - before, 2)},
        ),
    ]


def _result(name: str, unit: str, samples: list[float], *, bounds: dict[str, float]) -> Result:
    p95 = percentile(samples, 95) if len(samples) > 1 else samples[0]
    figures = {"median": statistics.median(samples), "p95": p95, "max": max(samples)}
    rounded = {name: round(value, 1) for name, value in figures.items()}
    return Result(name=name, unit=unit, bounds=bounds, figures=rounded, samples=samples)


def _mark(page: Page, name: str) -> float:
    page.wait_for_function(f"() => marks.{name}")
    found: float = page.evaluate(f"marks.{name}")
    return found


def _heap(devtools: CDPSession) -> float:
    devtools.send("HeapProfiler.enable")
    devtools.send("HeapProfiler.collectGarbage")
    used: float = devtools.send("Runtime.getHeapUsage")["usedSize"]
    return round(used / MIB, 2)


BENCHMARKS = {"opening": opening, "long-session": long_session, "streams": streams}


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="bench.ui", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it runs")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results: list[Result] = []
    with (
        start_stack("--backend", MODEL, PACED_RATE=str(RATE), SLOTS="8") as stack,
        start_chromium() as browser,
    ):
        with browser.new_context(base_url=stack.url) as context:
            ChatPage.open(context).log_in(stack)
            login = context.storage_state()
        bench = Bench(browser, stack, login, QUICK if given.quick else Plan())
        for name in given.names or BENCHMARKS:
            print(f"{name} …", flush=True)
            results += BENCHMARKS[name](bench)
    print_table(results)
    if not given.quick:
        print(f"raw figures: {save(results, name='ui')}")


if __name__ == "__main__":
    main(sys.argv[1:])

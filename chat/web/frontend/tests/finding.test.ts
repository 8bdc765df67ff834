import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import "../src/elements/palette";
import type { ParleyPalette } from "../src/elements/palette";
import { keysOf } from "../src/pages/commands";
import { listenForShortcuts } from "../src/pages/shortcuts";
import { ago, keepTimes } from "../src/pages/times";

function press(key: string, init: KeyboardEventInit = {}, target: EventTarget = document): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
  target.dispatchEvent(event);
  return event;
}

function palette(): ParleyPalette {
  return document.querySelector("parley-palette") as ParleyPalette;
}

async function opened(selector: string): Promise<Element> {
  return vi.waitFor(() => {
    const found = document.querySelector(`parley-palette dialog[open] ${selector}`);
    if (!found) throw new Error("not open yet");
    return found;
  });
}

function names(): string[] {
  return [...document.querySelectorAll("[role=option] > span:first-child")].map(
    (each) => each.textContent ?? "",
  );
}

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
  };
  Element.prototype.scrollIntoView = vi.fn();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.innerHTML = "";
});

describe("times", () => {
  const now = new Date("2026-05-02T12:00:00Z");

  it.each([
    ["2026-05-02T11:59:30Z", "30 seconds ago"],
    ["2026-05-02T10:00:00Z", "2 hours ago"],
    ["2026-05-01T11:00:00Z", "yesterday"],
    ["2024-05-02T11:00:00Z", "2 years ago"],
  ])("%s is %s", (time, words) => expect(ago(new Date(time), now, "en")).toBe(words));

  it("stay true while the page is open", () => {
    vi.useFakeTimers({ now });
    document.body.innerHTML = `<time datetime="2026-05-02T11:59:59Z" data-relative>x</time>`;
    keepTimes(document);
    vi.advanceTimersByTime(120_000);
    expect(document.querySelector("time")?.textContent).toBe("2 minutes ago");
  });
});

describe("shortcuts and palette", () => {
  listenForShortcuts(document);
  const clicked = vi.fn();

  beforeEach(() => {
    clicked.mockClear();
    document.body.innerHTML = `
      <button data-command data-shortcut="mod+shift+o">New chat</button>
      <input data-command="Search chats" data-shortcut="mod+shift+s">
      <button data-opens="palette">Commands</button>
      <form data-preferences><label for="theme">Colours</label>
        <select id="theme"><option value="auto">Auto</option><option value="dark">Dark</option></select></form>`;
    document.querySelector("[data-shortcut]")?.addEventListener("click", clicked);
    vi.stubGlobal(
      "fetch",
      vi.fn(
        async () =>
          new Response(
            JSON.stringify({
              sessions: [
                { id: "1", title: "Boats" },
                { id: "2", title: "" },
              ],
            }),
          ),
      ),
    );
  });

  it("says a key press in words", () => {
    expect(keysOf(new KeyboardEvent("keydown", { key: "K", metaKey: true }))).toBe("mod+k");
    expect(
      keysOf(new KeyboardEvent("keydown", { key: "O", ctrlKey: true, shiftKey: true, altKey: true })),
    ).toBe("mod+alt+shift+o");
  });

  it("presses what carries the keys, or goes there", () => {
    expect(press("O", { ctrlKey: true, shiftKey: true }).defaultPrevented).toBe(true);
    expect(clicked).toHaveBeenCalledOnce();
    press("s", { ctrlKey: true, shiftKey: true });
    expect(document.activeElement?.tagName).toBe("INPUT");
    expect(press("x").defaultPrevented).toBe(false);
  });

  it("finds commands, colours and chats by typing", async () => {
    press("k", { ctrlKey: true });
    const box = (await opened("input")) as HTMLInputElement;
    await vi.waitFor(() => expect(names()).toContain("Boats"));
    expect(names()).toEqual(["New chat", "Search chats", "Colours: Dark", "Boats", "Untitled chat"]);
    box.value = "dark";
    box.dispatchEvent(new Event("input"));
    await vi.waitFor(() => expect(names()[0]).toBe("Colours: Dark"));
    press("ArrowDown", {}, box);
    press("ArrowUp", {}, box);
    press("Enter", {}, box);
    expect(document.querySelector("select")?.value).toBe("dark");
    expect(palette().querySelector("dialog")?.open).toBe(false);
  });

  it("chooses with a click, and opens from a button", async () => {
    document.querySelector<HTMLElement>("[data-opens]")?.click();
    await opened("input");
    document.querySelector<HTMLElement>("[role=option]")?.click();
    expect(clicked).toHaveBeenCalledOnce();
  });

  it("says when nothing is found, also without a server", async () => {
    vi.stubGlobal(
      "fetch",
      vi.fn(() => Promise.reject(new Error("away"))),
    );
    press("k", { metaKey: true });
    const box = (await opened("input")) as HTMLInputElement;
    box.value = "zzz";
    box.dispatchEvent(new Event("input"));
    expect((await opened("p[role=status]")).textContent).toBe("Nothing found.");
  });

  it("lists the shortcuts", async () => {
    press("/", { ctrlKey: true });
    expect((await opened("dl")).textContent).toContain("New chat");
    press("k", { ctrlKey: true });
    expect(document.querySelector("[role=listbox]")).toBeNull();
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { gettext } from "../src/i18n";
import { refuseStrayFiles } from "../src/pages/drops";
import { sendOnEnter } from "../src/pages/home";
import { closeOnEscape } from "../src/pages/menus";
import { keepModelStatus } from "../src/pages/models";
import { installWorker, listKeptChats } from "../src/pages/offline";
import { changePreferencesAtOnce } from "../src/pages/preferences";
import { drawMarkdown } from "../src/pages/shared";

afterEach(() => vi.unstubAllGlobals());

describe("gettext", () => {
  it("is English without a catalogue, and fills in values", () => {
    expect(gettext("Send")).toBe("Send");
    expect(gettext("%(a)s of %(b)s", { a: 1 })).toBe("1 of %(b)s");
  });

  it("asks Django's catalogue", () => {
    vi.stubGlobal("django", { gettext: (text: string) => (text === "Send" ? "Senden" : text) });
    expect(gettext("Send")).toBe("Senden");
  });
});

describe("the first page", () => {
  function openHome(value: string) {
    document.body.innerHTML = `<form><textarea data-enter-sends>${value}</textarea></form>`;
    const submit = vi.fn();
    const form = document.querySelector("form");
    if (form) form.requestSubmit = submit;
    sendOnEnter(document);
    const press = (init: KeyboardEventInit) =>
      document
        .querySelector("textarea")
        ?.dispatchEvent(new KeyboardEvent("keydown", { cancelable: true, ...init }));
    return { submit, press };
  }

  it("sends with Enter", () => {
    const { submit, press } = openHome("Hello");
    press({ key: "a" });
    press({ key: "Enter", shiftKey: true });
    expect(submit).not.toHaveBeenCalled();
    press({ key: "Enter" });
    expect(submit).toHaveBeenCalledOnce();
  });

  it("does not send nothing", () => {
    const { submit, press } = openHome("  ");
    press({ key: "Enter" });
    expect(submit).not.toHaveBeenCalled();
  });

  it("is not every page", () => {
    document.body.innerHTML = "";
    expect(() => sendOnEnter(document)).not.toThrow();
  });
});

describe("a box that was opened", () => {
  it("is closed with Escape, and no other part of the page is", () => {
    document.body.innerHTML = `
      <details open><summary>Options</summary><div class="box"><button>Pin</button></div></details>
      <details open><summary>Parameters</summary><input></details>`;
    closeOnEscape(document);
    const [box, part] = document.querySelectorAll("details");
    for (const inside of document.querySelectorAll("button, input"))
      for (const key of ["a", "Escape"])
        inside.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    expect([box?.open, part?.open]).toEqual([false, true]);
    expect(document.activeElement?.textContent).toBe("Options");
  });
});

describe("a file that is dropped", () => {
  function drop(target: string, types: string[]) {
    const event = new Event("drop", { bubbles: true, cancelable: true });
    Object.defineProperty(event, "dataTransfer", { value: { types, dropEffect: "copy" } });
    document.querySelector(target)?.dispatchEvent(event);
    return event.defaultPrevented;
  }

  it("opens nowhere but in a field for files; a text is none", () => {
    document.body.innerHTML = `<p>beside</p><input type="file" />`;
    refuseStrayFiles(document);
    expect(drop("p", ["Files"])).toBe(true);
    expect(drop("input", ["Files"])).toBe(false);
    expect(drop("p", ["text/plain"])).toBe(false);
  });
});

describe("preferences", () => {
  it("change colours at once, and load the page anew for a language", () => {
    const fetched = vi.fn((_url: string, _init: { body: FormData }) => Promise.resolve());
    vi.stubGlobal("fetch", fetched);
    document.body.innerHTML = `<form data-preferences action="/preferences/">
      <select name="theme"><option>auto</option><option>dark</option></select>
      <select name="language"><option>en</option></select><button>Apply</button></form>`;
    const form = document.querySelector("form") as HTMLFormElement;
    form.requestSubmit = vi.fn();
    changePreferencesAtOnce(document);
    const [theme, language] = form.querySelectorAll("select");
    if (theme) theme.value = "dark";
    theme?.dispatchEvent(new Event("change", { bubbles: true }));
    expect(document.documentElement.dataset.theme).toBe("dark");
    expect(fetched).toHaveBeenCalledOnce();
    expect([...(fetched.mock.calls[0]?.[1].body.keys() ?? [])]).toEqual(["theme"]);
    expect(form.requestSubmit).not.toHaveBeenCalled();
    language?.dispatchEvent(new Event("change", { bubbles: true }));
    expect(form.requestSubmit).toHaveBeenCalledOnce();
    expect(form.querySelector("button")?.hidden).toBe(true);
  });
});

describe("without a network", () => {
  function stubCaches(pages: Record<string, string>) {
    const cache = {
      keys: async () => Object.keys(pages).map((path) => ({ url: `http://localhost${path}` })),
      match: async ({ url }: { url: string }) => new Response(pages[new URL(url).pathname]),
    };
    vi.stubGlobal("caches", { open: async () => cache });
  }

  it("chats that were kept are listed by their titles, as text", async () => {
    stubCaches({ "/chat/1/": "<h1>Boats</h1>", "/chat/2/": "<h1>&lt;img src=x&gt;</h1>" });
    document.body.innerHTML = "<ul data-kept-chats></ul>";
    await listKeptChats(document);
    const links = [...document.querySelectorAll("a")];
    expect(links.map((link) => link.textContent)).toEqual(["<img src=x>", "Boats"]);
    expect(links.map((link) => link.pathname)).toEqual(["/chat/2/", "/chat/1/"]);
  });

  it("the worker is told what was loaded before it was there", async () => {
    const active = { postMessage: vi.fn() };
    const container = {
      register: vi.fn(async () => null),
      ready: Promise.resolve({ active }),
      controller: null,
    };
    Object.defineProperty(navigator, "serviceWorker", { value: container, configurable: true });
    vi.spyOn(performance, "getEntriesByType").mockReturnValue([
      { name: `${location.origin}/static/a.css` },
      { name: "https://elsewhere.example/b.css" },
    ] as PerformanceEntryList);
    document.body.innerHTML = `<script id="chat-page" type="application/json">{}</script>`;
    await installWorker(document);
    expect(active.postMessage).toHaveBeenCalledWith({
      files: [`${location.origin}/static/a.css`],
      chat: location.href,
    });
    Object.assign(container, { controller: {} });
    await installWorker(document);
    expect(active.postMessage).toHaveBeenCalledOnce();
    Reflect.deleteProperty(navigator, "serviceWorker");
    await installWorker(document);
  });
});

describe("pages for readers", () => {
  it("draw what was said as safe Markdown", () => {
    document.body.innerHTML = `<div data-markdown>**bold** &lt;img src=x onerror=alert(1)&gt;</div>`;
    drawMarkdown(document);
    const place = document.querySelector("[data-markdown]");
    expect(place?.querySelector("strong")?.textContent).toBe("bold");
    expect(place?.querySelector("img")).toBeNull();
    expect(place?.textContent).toContain("<img");
  });
});

describe("what the server rendered", () => {
  it("says how models are doing", () => {
    document.body.innerHTML = `
      <select id="model">
        <option value="a" data-provider="LOCAL" data-status="up">a</option>
        <option value="b" data-provider="far" data-status="down">b</option>
        <option value="c" data-provider="far" data-status="degraded" data-latency="1234">c</option>
        <option value="">None</option>
      </select><span data-status-of="model"></span><span data-status-of="nothing"></span>`;
    keepModelStatus(document);
    const select = document.querySelector("select") as HTMLSelectElement;
    const said = () => document.querySelector("[data-status-of]")?.textContent?.replace(/\s+/g, " ").trim();
    expect(said()).toBe("This server ready");
    for (const [value, words] of [
      ["b", "far not answering"],
      ["c", "far unsteady, first text after 1,234 ms"],
      ["", ""],
    ] as const) {
      select.value = value;
      select.dispatchEvent(new Event("change"));
      expect(said()).toBe(words);
    }
  });
});

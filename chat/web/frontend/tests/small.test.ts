import { afterEach, describe, expect, it, vi } from "vitest";

import { sendOnEnter } from "../src/home";
import { gettext } from "../src/i18n";
import { changePreferencesAtOnce } from "../src/preferences";
import { drawMarkdown } from "../src/shared";

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

describe("preferences", () => {
  it("change colours at once, and load the page anew for a language", () => {
    const fetched = vi.fn(() => Promise.resolve());
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
    expect(form.requestSubmit).not.toHaveBeenCalled();
    language?.dispatchEvent(new Event("change", { bubbles: true }));
    expect(form.requestSubmit).toHaveBeenCalledOnce();
    expect(form.querySelector("button")?.hidden).toBe(true);
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

import { afterEach, describe, expect, it, vi } from "vitest";

import { sendOnEnter } from "../src/home";
import { gettext } from "../src/i18n";

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
